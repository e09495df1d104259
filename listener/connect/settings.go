package connect

import "net"

// Settings are the registry's variables.
type Settings interface {
	// String returns a variable's value, its default when it is not set, "" without one.
	String(key string) string
	// List returns the elements of a list.
	List(key string) []string
}

// FromSettings returns the server that the ldap/* variables describe. ldap/starttls counts only when it is
// explicit, not by its default: then it is Auto.
func FromSettings(s Settings, explicitStartTLS bool) Server {
	server := Server{
		URLs:     s.List("ldap/uri"),
		CAFile:   s.String("ldap/cafile"),
		CertFile: s.String("ldap/certfile"),
		KeyFile:  s.String("ldap/keyfile"),
		BindDN:   s.String("ldap/hostdn"),
		Memory:   NewMemory(),
	}
	if explicitStartTLS {
		server.StartTLS = StartTLS(s.String("ldap/starttls"))
	}
	if secret := s.String("ldap/secret"); secret != "" {
		server.Password = PasswordFile(secret)
	}
	if len(server.URLs) > 0 {
		return server
	}
	for _, name := range append([]string{s.String("ldap/server/name")}, s.List("ldap/server/addition")...) {
		if name != "" {
			server.URLs = append(server.URLs, "ldap://"+net.JoinHostPort(name, s.String("ldap/server/port")))
		}
	}
	return server
}
