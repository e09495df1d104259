package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mailreg/mailreg/schema"
)

// Check reports why a value does not fit its declaration: as a clause that says what is wanted, such as "must be a whole
// number of 0 or more". Neither key nor value appear in it; the caller knows whether they may be shown.
func Check(d schema.Declaration, s string) error {
	if !utf8.ValidString(s) {
		return errors.New("must be UTF-8 text")
	}
	if d.Type != "list" {
		return checkOne(d, d.Type, s)
	}
	element := d.Element
	if element == "" {
		element = "str"
	}
	for i, one := range Split(d, s) {
		if err := checkOne(d, element, one); err != nil {
			return fmt.Errorf("element %d %w", i+1, err)
		}
	}
	return nil
}

// checkOne checks a value, or an element of a list, against the type of that name and the declaration's constraints: those
// of a list hold for its elements (the peer ignores them there).
func checkOne(d schema.Declaration, typ, s string) error {
	if typ == "enum" {
		if !slices.Contains(d.Enum, s) {
			return fmt.Errorf("must be one of %s", strings.Join(d.Enum, ", "))
		}
		return nil
	}
	check, known := types[typ]
	if !known {
		return fmt.Errorf("has the unknown type %q in its declaration", typ)
	}
	if err := check(s); err != nil {
		return err
	}
	if err := checkBounds(d, typ, s); err != nil {
		return err
	}
	if d.Regex == "" {
		return nil
	}
	// The whole value, unlike the peer, whose patterns hold for its beginning only.
	re, err := regexp.Compile(`\A(?:` + d.Regex + `)\z`)
	if err != nil {
		return fmt.Errorf("has a broken Regex in its declaration: %w", err)
	}
	if !re.MatchString(s) {
		return fmt.Errorf("must match %s", d.Regex)
	}
	return nil
}

// types are the checks of the type names, those of the peer and ours; enum and list are handled before. What a value may
// hold beyond its type is the matter of the writer of each config format: here it has not met one yet.
var types = map[string]func(string) error{
	"str":         func(string) error { return nil },
	"int":         func(s string) error { return want(isInt(s), "must be a whole number") },
	"uint":        func(s string) error { return want(atLeast(s, 0), "must be a whole number of 0 or more") },
	"pint":        func(s string) error { return want(atLeast(s, 1), "must be a whole number of 1 or more") },
	"portnumber":  func(s string) error { return want(isPort(s), "must be a port number, 0 to 65535") },
	"bool":        func(s string) error { return want(isBool(s), "must be yes or no (or true, 1, on; false, 0, off)") },
	"ipv4address": func(s string) error { return want(isAddr(s, netip.Addr.Is4), "must be an IPv4 address") },
	"ipv6address": func(s string) error { return want(isAddr(s, netip.Addr.Is6), "must be an IPv6 address") },
	"ipaddress":   func(s string) error { return want(isAddr(s, netip.Addr.IsValid), "must be an IP address") },
	"cidr":        func(s string) error { return want(isCIDR(s), "must be an IP address or network such as 10.0.0.0/8") },
	"network": func(s string) error {
		return want(isNetwork(s), "must be a network such as 10.0.0.0/8 or [2001:db8::]/32, or a table such as cidr:/etc/postfix/networks")
	},
	"fqdn":     func(s string) error { return want(isDomain(s), "must be a host name such as mail.example.org") },
	"domain":   func(s string) error { return want(isDomain(s), "must be a domain such as example.org") },
	"hostname": func(s string) error { return want(isHostname(s), "must be a host name without dots") },
	"email":    func(s string) error { return want(isEmail(s), "must be a mail address") },
	"path":     func(s string) error { return want(isPath(s), "must be an absolute path without ..") },
	"url_http": func(s string) error { return want(isHTTP(s), "must be a URL that begins with http:// or https://") },
	"url_proxy": func(s string) error {
		return want(isProxy(s), "must be a URL that begins with http:// or https:// and ends with the port")
	},
	"ldap_uri": func(s string) error {
		return want(isLDAP(s), "must be a URI such as ldap://host:389, ldaps://host or ldapi://%2Frun%2Fldapi")
	},
	"json": func(s string) error { return want(json.Valid([]byte(s)), "must be JSON") },
	"cron": func(s string) error {
		return want(isCron(s), "must be a time of cron: five fields, or @daily and the like")
	},
	"size":     func(s string) error { return want(isSize(s), "must be a size such as 500, 20k, 10M or 1G") },
	"duration": func(s string) error { return want(isDuration(s), "must be a duration such as 30s, 5m, 12h or 7d") },
}

// Known reports whether a type has that name.
func Known(typ string) bool { return typ == "enum" || typ == "list" || types[typ] != nil }

func want(ok bool, message string) error {
	if ok {
		return nil
	}
	return errors.New(message)
}

// checkBounds checks Min and Max, which are written like values of the type.
func checkBounds(d schema.Declaration, typ, s string) error {
	var number func(string) (int64, error)
	switch typ {
	case "int", "uint", "pint", "portnumber":
		number = Int
	case "size":
		number = Size
	case "duration":
		number = func(s string) (int64, error) { n, err := Duration(s); return int64(n), err }
	default:
		return nil
	}
	n, err := number(s)
	if err != nil {
		return err
	}
	for _, bound := range []struct {
		text, message string
		sign          int64
	}{{d.Min, "must be at least ", 1}, {d.Max, "must be at most ", -1}} {
		if bound.text == "" {
			continue
		}
		limit, err := number(bound.text)
		if err != nil {
			return fmt.Errorf("has a broken bound in its declaration: %w", err)
		}
		if bound.sign*n < bound.sign*limit {
			return errors.New(bound.message + bound.text)
		}
	}
	return nil
}

func isInt(s string) bool                { _, err := Int(s); return err == nil }
func atLeast(s string, least int64) bool { n, err := Int(s); return err == nil && n >= least }
func isPort(s string) bool               { n, err := Int(s); return err == nil && n >= 0 && n <= 65535 }
func isBool(s string) bool               { _, ok := Bool(s); return ok }
func isSize(s string) bool               { _, err := Size(s); return err == nil }
func isDuration(s string) bool           { _, err := Duration(s); return err == nil }
func isDomain(s string) bool             { return schema.CheckDomain(strings.ToLower(s)) == nil }
func isHostname(s string) bool           { return isDomain(s) && !strings.Contains(s, ".") }
func isEmail(s string) bool              { _, err := schema.ParseAddress(s); return err == nil }

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

func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isHost(u)
}

func isProxy(s string) bool {
	u, err := url.Parse(s)
	return err == nil && isHTTP(s) && (u.Path == "" || u.Path == "/") && !strings.ContainsAny(s, "?#")
}

// isLDAP accepts what ldap_initialize(3) does, without DN and filter: those are variables of their own. An ldapi URI has the
// path of its socket in the place of the host, escaped, where net/url allows no slash.
func isLDAP(s string) bool {
	u, err := url.Parse(strings.Replace(s, "ldapi://%2F", "ldapi:///%2F", 1))
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "ldap", "ldaps":
		return isHost(u) && (u.Path == "" || u.Path == "/")
	case "ldapi":
		return u.Host == ""
	}
	return false
}

// isCron accepts what crontab(5) does: five fields of lists, ranges and steps, or a name after @. As in the peer, a value
// that begins with # switches the job off.
func isCron(s string) bool {
	if strings.HasPrefix(s, "#") {
		return true
	}
	if strings.HasPrefix(s, "@") {
		return slices.Contains(strings.Fields("@annually @yearly @monthly @weekly @daily @midnight @hourly @reboot"), s)
	}
	fields := strings.Fields(s)
	if len(fields) != 5 {
		return false
	}
	limits := []struct {
		low, high int
		names     string
	}{{0, 59, ""}, {0, 23, ""}, {1, 31, ""}, {1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"}, {0, 7, "sun mon tue wed thu fri sat"}}
	for i, limit := range limits {
		if slices.Contains(strings.Fields(limit.names), strings.ToLower(fields[i])) {
			continue
		}
		for part := range strings.SplitSeq(fields[i], ",") {
			if !isCronPart(part, limit.low, limit.high) {
				return false
			}
		}
	}
	return true
}

// isCronPart accepts "*", "n" and "n-m", the first and last with "/step".
func isCronPart(part string, low, high int) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return err1 == nil && err2 == nil && low <= first && first <= last && last <= high && (ranged || !stepped)
}
