package schema

import "strings"

// Domain is the typed view of a mail domain (class univentionMailDomainname).
type Domain struct {
	// UUID and DN identify the entry.
	UUID UUID
	DN   string
	// Name is the domain in lower case without a trailing dot.
	Name string
}

// IsDomain reports whether the entry is a mail domain.
func IsDomain(e *Entry) bool { return e != nil && e.HasClass(ClassMailDomain) }

// ParseDomain returns the view of a mail domain. Its errors wrap ErrInvalid and name the DN.
func ParseDomain(e *Entry) (Domain, error) {
	name := strings.TrimSuffix(strings.ToLower(e.First("cn")), ".")
	if err := CheckDomain(name); err != nil {
		return Domain{}, Invalidf("%s: cn: %w", e.DN, err)
	}
	return Domain{UUID: e.UUID, DN: e.DN, Name: name}, nil
}
