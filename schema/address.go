package schema

import (
	"strings"
)

// Address is a mail address that was checked and may become a path, a lookup key or a config value. Both parts are in
// lower case, because the peer compares addresses without regard to case.
type Address struct {
	// Local is the part before the @: 1 to 64 of the characters of RFC 5322 atext and single dots between them, without
	// "/", "*" and "%", which have a meaning for paths, Dovecot's master users and Dovecot's variables.
	Local string
	// Domain is a host name of letters, digits and hyphens, 1 to 253 characters.
	Domain string
}

// String returns local@domain.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// IsZero reports whether a holds no address.
func (a Address) IsZero() bool { return a == Address{} }

const atext = "abcdefghijklmnopqrstuvwxyz0123456789!#$&'+-=?^_`{|}~"

// ParseAddress checks an address from the directory and lowers its case. Its errors wrap ErrInvalid and quote the value.
func ParseAddress(s string) (Address, error) {
	shown := s
	if len(shown) > 80 {
		shown = shown[:80] + "..."
	}
	local, domain, ok := strings.Cut(strings.ToLower(s), "@")
	switch {
	case len(s) > 254:
		return Address{}, Invalidf("address %q has %d characters, more than 254", shown, len(s))
	case !ok:
		return Address{}, Invalidf("address %q has no @", shown)
	case strings.Contains(domain, "@"):
		return Address{}, Invalidf("address %q has more than one @", shown)
	}
	if err := checkLocal(local); err != nil {
		return Address{}, Invalidf("address %q: %w", shown, err)
	}
	if err := CheckDomain(domain); err != nil {
		return Address{}, Invalidf("address %q: %w", shown, err)
	}
	return Address{Local: local, Domain: domain}, nil
}

func checkLocal(local string) error {
	if local == "" || len(local) > 64 {
		return Invalidf("the part before the @ must have 1 to 64 characters")
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return Invalidf("a dot must stand between other characters")
		}
		for _, r := range atom {
			if !strings.ContainsRune(atext, r) {
				return Invalidf("character %q is not allowed", r)
			}
		}
	}
	return nil
}

// CheckDomain accepts a lower-case host name: labels of 1 to 63 letters, digits and inner hyphens (RFC 1123 §2.1), at most
// 253 characters in all. Its errors wrap ErrInvalid.
func CheckDomain(domain string) error {
	if domain == "" || len(domain) > 253 {
		return Invalidf("domain %q must have 1 to 253 characters", domain)
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 {
			return Invalidf("domain %q: a label must have 1 to 63 characters", domain)
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return Invalidf("domain %q: a label must not begin or end with a hyphen", domain)
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return Invalidf("domain %q: character %q is not allowed", domain, r)
			}
		}
	}
	return nil
}
