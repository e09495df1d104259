package connect

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// StartTLS says whether an ldap:// connection is turned into a TLS one (RFC 4511 §4.14).
type StartTLS string

// The modes. Auto is Require, but No on a loopback address. With Try a server that refuses the request is talked to in
// the clear; a handshake that fails is an error in any mode.
const (
	Auto    StartTLS = ""
	No      StartTLS = "no"
	Try     StartTLS = "try"
	Require StartTLS = "require"
)

// Server says how the directory server is reached. Files are read at each connection, so that a new password or
// certificate counts at once.
type Server struct {
	// URLs are ldap://, ldaps:// or ldapi:// addresses; the first that can be used is. An ldapi path is percent-escaped,
	// and the server's usual socket when it is empty.
	URLs []string
	// StartTLS is for ldap:// only.
	StartTLS StartTLS
	// CAFile holds the PEM certificates that the server's must be signed by; the system's when empty.
	CAFile string
	// CertFile and KeyFile are our own certificate and its key (PEM), shown to a server that asks for one; none when empty.
	CertFile, KeyFile string
	// BindDN is who we are. When it is empty we are the user of our process on ldapi:// (SASL EXTERNAL), the subject of
	// CertFile over TLS (the same), and nobody elsewhere.
	BindDN string
	// Password returns the password of BindDN.
	Password func() (string, error)
	// Timeout bounds connecting, TLS and binding at one address; 10 s when zero.
	Timeout time.Duration
	// MaxMessage is the largest message in bytes that is accepted from the server; wire.MaxMessage when zero.
	MaxMessage int
	// Memory keeps refused passwords from being offered again at once, and servers that do not serve us from being asked first;
	// nothing is remembered when nil. All who use the same servers should share one.
	Memory *Memory
	// Logger is for what is not an error; discarded when nil.
	Logger *slog.Logger
}

// PasswordFile returns a function for Server.Password that reads a file; one newline at its end does not count.
func PasswordFile(path string) func() (string, error) {
	return func() (string, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading the password of the directory: %w", err)
		}
		return strings.TrimSuffix(string(data), "\n"), nil
	}
}

// Identity names who binds, for the fingerprint that a cookie belongs to.
func (s Server) Identity() string {
	return cmp.Or(s.BindDN, strings.TrimSpace("EXTERNAL "+s.CertFile))
}

func (s Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s Server) timeout() time.Duration { return cmp.Or(s.Timeout, 10*time.Second) }

func (s Server) startTLS(at address) StartTLS {
	if s.StartTLS != Auto {
		return s.StartTLS
	}
	if ip := net.ParseIP(at.host); at.host == "localhost" || ip != nil && ip.IsLoopback() {
		return No
	}
	return Require
}

// password returns the password to bind with. An empty one is refused: a server takes a bind with it for an anonymous
// one and answers success (RFC 4513 §5.1.2).
func (s Server) password() (string, error) {
	if s.Password == nil {
		return "", fmt.Errorf("no password for %s", s.BindDN)
	}
	password, err := s.Password()
	if err != nil {
		return "", err
	}
	if password == "" {
		return "", fmt.Errorf("the password for %s is empty", s.BindDN)
	}
	return password, nil
}

// tlsConfig is the configuration for a host.
func (s Server) tlsConfig(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CertFile != "" {
		own, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading our certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	if s.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificates: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the CA certificates: %s holds none", s.CAFile)
	}
	return config, nil
}

// address is a parsed URL.
type address struct {
	scheme, network, dial, host string
}

// defaultSocket is where OpenLDAP serves ldapi:///.
const defaultSocket = "/var/run/slapd/ldapi"

func parseURL(text string) (address, error) {
	// net/url does not take the escaped path where ldapi has it, in place of the host.
	if path, found := strings.CutPrefix(text, "ldapi://"); found {
		path, err := url.PathUnescape(strings.TrimSuffix(path, "/"))
		if err != nil {
			return address{}, fmt.Errorf("address of the directory: %q: %w", text, err)
		}
		return address{scheme: "ldapi", network: "unix", dial: cmp.Or(path, defaultSocket)}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("address of the directory: %w", err)
	}
	ports := map[string]string{"ldap": "389", "ldaps": "636"}
	if ports[u.Scheme] == "" {
		return address{}, fmt.Errorf("address of the directory: %q begins with none of ldap://, ldaps://, ldapi://", text)
	}
	if u.Hostname() == "" {
		return address{}, fmt.Errorf("address of the directory: %q names no host", text)
	}
	dial := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), ports[u.Scheme]))
	return address{scheme: u.Scheme, network: "tcp", dial: dial, host: u.Hostname()}, nil
}
