package value

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/mailreg/mailreg/schema"
)

func isInt(s string) bool                { _, err := Int(s); return err == nil }
func atLeast(s string, least int64) bool { n, err := Int(s); return err == nil && n >= least }
func isPort(s string) bool               { n, err := Int(s); return err == nil && n >= 0 && n <= 65535 }
func isBool(s string) bool               { _, ok := Bool(s); return ok }
func isSize(s string) bool               { _, err := Size(s); return err == nil }
func isDuration(s string) bool           { _, err := Duration(s); return err == nil }
func isHostname(s string) bool           { return isDomain(s) && !strings.Contains(s, ".") }

// isDomain looks at ASCII alone: lowering the case turns the sign of the kelvin into a plain k, which is not what is written.
func isDomain(s string) bool { return isASCII(s) && schema.CheckDomain(strings.ToLower(s)) == nil }

func isEmail(s string) bool {
	_, err := schema.ParseAddress(s)
	return err == nil && isASCII(s)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func isAddr(s string, kind func(netip.Addr) bool) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == "" && kind(addr)
}

// isCIDR takes networks with host bits, too: it is plain which network 10.1.2.3/8 means. Postfix does not: see isNetwork.
func isCIDR(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	return isAddr(s, netip.Addr.IsValid)
}

// isNetwork accepts an element of an address list of Postfix: an address or network, IPv6 in brackets, a table or a file,
// each perhaps after a "!". postconf takes every text for one, and smtpd then answers everybody with 4.3.0.
func isNetwork(s string) bool {
	s = strings.TrimPrefix(s, "!")
	if strings.HasPrefix(s, "/") {
		return isPath(s)
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		address, bits, closed := strings.Cut(inner, "]")
		return closed && strings.Contains(address, ":") && isPrefix(address+bits)
	}
	if kind, name, ok := strings.Cut(s, ":"); ok {
		return name != "" && slices.Contains(tableTypes, kind)
	}
	return isPrefix(s)
}

// tableTypes are those of Postfix (DATABASE_README), of whichever package.
var tableTypes = []string{
	"btree", "cdb", "cidr", "dbm", "environ", "fail", "hash", "inline", "internal", "ldap", "lmdb", "memcache",
	"mongodb", "mysql", "nis", "nisplus", "pcre", "pgsql", "pipemap", "proxy", "randmap", "regexp", "sdbm", "socketmap",
	"sqlite", "static", "tcp", "texthash", "unionmap", "unix",
}

// isPrefix accepts an address, or a network without host bits.
func isPrefix(s string) bool {
	prefix, err := netip.ParsePrefix(s)
	return err == nil && prefix == prefix.Masked() || isAddr(s, netip.Addr.IsValid)
}

// isPath leaves no way up: a path is often completed by a part that comes from elsewhere.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) &&
		!slices.Contains(strings.Split(s, "/"), "..")
}

// isHost accepts host[:port] of a parsed URL. The parser takes "host:" for a host without port.
func isHost(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return (err == nil || isDomain(u.Hostname())) && (u.Port() == "" || isPort(u.Port())) && !strings.HasSuffix(u.Host, ":")
}

// isHTTP takes no blank, which net/url does in a path: whoever reads the URL from a line sees two words.
func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isHost(u) && !strings.ContainsFunc(s, unicode.IsSpace)
}

// isProxy takes not even a slash at the end, as in the peer: programs cut host and port from the right.
func isProxy(s string) bool {
	u, err := url.Parse(s)
	return err == nil && isHTTP(s) && u.Path == "" && !strings.ContainsAny(s, "?#")
}

// isLDAP accepts what ldap_initialize(3) does, without DN and filter: those are variables of their own. An ldapi URI has the
// path of its socket in the place of the host, escaped, where net/url allows no slash.
func isLDAP(s string) bool {
	if scheme, socket, ok := strings.Cut(s, "://"); ok && strings.EqualFold(scheme, "ldapi") {
		path, err := url.PathUnescape(strings.TrimSuffix(socket, "/"))
		return err == nil && !strings.Contains(strings.TrimSuffix(socket, "/"), "/") && (path == "" || isPath(path))
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "ldap" || u.Scheme == "ldaps") && isHost(u) && (u.Path == "" || u.Path == "/") &&
		u.User == nil && !strings.ContainsAny(s, "?#")
}
