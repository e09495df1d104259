package crosscheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// listener is where one service takes connections.
type listener struct {
	// name is what clauses call the service.
	name string
	// port and addresses are the keys that say where; one of them may be empty.
	port, addresses string
	// number is the port, 0 for none.
	number int
	// hosts are the addresses or host names, all when empty.
	hosts []string
}

// listenRules find two services at one place: the second to start would not.
var listenRules = []rule{{
	keys: []string{
		"mail/smtpport", "mail/postfix/listen", "mail/postfix/submission/enabled", "mail/postfix/submission/port",
		"mail/postfix/smtps/enabled", "mail/postfix/smtps/port",
		"mail/mailbox/backend", "mail/dovecot/listen", "mail/dovecot/imap", "mail/dovecot/imap/port", "mail/dovecot/imaps/port",
		"mail/dovecot/pop3", "mail/dovecot/pop3/port", "mail/dovecot/pop3s/port",
		"mail/dovecot/lmtp/enabled", "mail/dovecot/lmtp/port", "mail/dovecot/doveadm/port",
		"mail/dovecot/sieve/enabled", "mail/dovecot/sieve/port", "mail/dovecot/sieve/ip",
		"mail/dovecot/quota-status/port", "mail/dovecot/quota-status/ip", "mail/cyrus/sieve/port", "mail/cyrus/sieve/listen_host",
		"mail/postfix/greylisting", "mail/postfix/greylisting/port", "mail/antivir",
		"mail/rspamd/worker/normal/bind_socket", "mail/rspamd/worker/controller/bind_socket",
		"mail/rspamd/worker/proxy/bind_socket", "mailreg/metrics/listen",
	},
	find: func(v View) []string {
		var clauses []string
		all := listeners(v)
		for i, a := range all {
			for _, b := range all[i+1:] {
				if a.number != 0 && a.number == b.number && overlap(a, b) {
					clauses = append(clauses, clash(a, b))
				}
			}
		}
		return clauses
	},
}}

// clash tells of two services at one place. Only keys can be changed: what is fixed is told by its name.
func clash(a, b listener) string {
	named := func(l listener) string {
		if l.port == "" {
			return fmt.Sprintf("the port %d of %s", l.number, l.name)
		}
		return "{" + l.port + "}"
	}
	clause := fmt.Sprintf("%s and %s are the same port of the same address: change one of them", named(a), named(b))
	for _, l := range []listener{a, b} {
		if l.addresses != "" && a.addresses != b.addresses {
			clause += ", or {" + l.addresses + "}"
		}
	}
	return clause
}

// listeners returns what the servers would listen on, whether or not they are installed.
func listeners(v View) []listener {
	only := func(served bool, l listener) []listener {
		if !served {
			return nil
		}
		if l.port != "" {
			l.number = portOf(v.String(l.port))
		}
		if l.addresses != "" {
			l.hosts = v.List(l.addresses)
		}
		return []listener{l}
	}
	const smtpd, dovecot = "mail/postfix/listen", "mail/dovecot/listen"
	cyrus := v.String("mail/mailbox/backend") == "cyrus"
	sieveHosts := dovecot
	if len(v.List("mail/dovecot/sieve/ip")) > 0 {
		sieveHosts = "mail/dovecot/sieve/ip"
	}
	return slices.Concat(
		only(true, listener{port: "mail/smtpport", addresses: smtpd}),
		only(v.Bool("mail/postfix/submission/enabled"), listener{port: "mail/postfix/submission/port", addresses: smtpd}),
		only(v.Bool("mail/postfix/smtps/enabled"), listener{port: "mail/postfix/smtps/port", addresses: smtpd}),
		only(!cyrus && v.Bool("mail/dovecot/imap"), listener{port: "mail/dovecot/imap/port", addresses: dovecot}),
		only(!cyrus && v.Bool("mail/dovecot/imap"), listener{port: "mail/dovecot/imaps/port", addresses: dovecot}),
		only(!cyrus && v.Bool("mail/dovecot/pop3"), listener{port: "mail/dovecot/pop3/port", addresses: dovecot}),
		only(!cyrus && v.Bool("mail/dovecot/pop3"), listener{port: "mail/dovecot/pop3s/port", addresses: dovecot}),
		only(!cyrus && v.Bool("mail/dovecot/lmtp/enabled"), listener{port: "mail/dovecot/lmtp/port", addresses: dovecot}),
		only(!cyrus, listener{port: "mail/dovecot/doveadm/port", addresses: dovecot}),
		only(!cyrus && v.Bool("mail/dovecot/sieve/enabled"), listener{port: "mail/dovecot/sieve/port", addresses: sieveHosts}),
		only(!cyrus, listener{port: "mail/dovecot/quota-status/port", addresses: "mail/dovecot/quota-status/ip"}),
		only(cyrus, listener{port: "mail/cyrus/sieve/port", addresses: "mail/cyrus/sieve/listen_host"}),
		only(v.Bool("mail/postfix/greylisting"), listener{port: "mail/postfix/greylisting/port", hosts: []string{"127.0.0.1"}}),
		only(v.Bool("mail/antivir"), listener{name: "Amavis", number: 10024, hosts: []string{"127.0.0.1"}}),
		only(v.Bool("mail/antivir"), listener{name: "mail from Amavis", number: 10025, hosts: []string{"127.0.0.1"}}),
		atSocket(v, "mail/rspamd/worker/normal/bind_socket"),
		atSocket(v, "mail/rspamd/worker/controller/bind_socket"),
		atSocket(v, "mail/rspamd/worker/proxy/bind_socket"),
		atSocket(v, "mailreg/metrics/listen"),
	)
}

// atSocket returns the listener that a variable of the form HOST:PORT names; none for a unix socket.
func atSocket(v View, key string) []listener {
	value := v.String(key)
	at := strings.LastIndexByte(value, ':')
	if at < 0 || strings.Contains(value, "/") {
		return nil
	}
	return []listener{{port: key, number: portOf(value), hosts: []string{strings.Trim(value[:at], "[]")}}}
}

// overlap reports whether two listeners share an address.
func overlap(a, b listener) bool {
	for _, one := range addresses(a.hosts) {
		for _, other := range addresses(b.hosts) {
			if one == other || covers(one, other) || covers(other, one) {
				return true
			}
		}
	}
	return false
}

// addresses replaces the words for all addresses, and localhost, by addresses.
func addresses(hosts []string) []string {
	var all []string
	if len(hosts) == 0 {
		hosts = []string{"all"}
	}
	for _, host := range hosts {
		switch host {
		case "all":
			all = append(all, "0.0.0.0", "::")
		case "*":
			all = append(all, "0.0.0.0")
		case "localhost":
			all = append(all, "127.0.0.1", "::1")
		default:
			all = append(all, host)
		}
	}
	return all
}

// covers reports whether the first address is that of all interfaces, in the kind of the second.
func covers(all, one string) bool {
	a, err1 := netip.ParseAddr(all)
	b, err2 := netip.ParseAddr(one)
	return err1 == nil && err2 == nil && a.IsUnspecified() && a.Is4() == b.Is4()
}
