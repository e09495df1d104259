package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
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
	re, err := pattern(d.Regex)
	if err != nil {
		return fmt.Errorf("has a broken Regex in its declaration: %w", err)
	}
	if !re.MatchString(s) {
		return fmt.Errorf("must match %s", d.Regex)
	}
	return nil
}

// pattern compiles a Regex. It holds for the whole value, unlike the peer's, which hold for its beginning only.
func pattern(text string) (*regexp.Regexp, error) { return regexp.Compile(`\A(?:` + text + `)\z`) }

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
		return want(isProxy(s), "must be a URL that begins with http:// or https:// and ends with the host or its port")
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

// numbers read the types that have bounds, as whole numbers in their smallest unit.
var numbers = map[string]func(string) (int64, error){
	"int": Int, "uint": Int, "pint": Int, "portnumber": Int, "size": Size,
	"duration": func(s string) (int64, error) { n, err := Duration(s); return int64(n), err },
}

// checkBounds checks Min and Max, which are written like values of the type.
func checkBounds(d schema.Declaration, typ, s string) error {
	number, bounded := numbers[typ]
	if !bounded {
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
