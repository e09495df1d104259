package schema

import (
	"slices"
	"strings"
)

// Names of the attributes and classes that views read (the names of UCS).
const (
	ClassMail       = "univentionMail"
	ClassMailDomain = "univentionMailDomainname"

	AttrPrimaryAddress     = "mailPrimaryAddress"
	AttrAlternativeAddress = "mailAlternativeAddress"
	AttrHomeServer         = "univentionMailHomeServer"
	AttrForwardAddress     = "mailForwardAddress"
)

// Mailbox is the typed view of a mail user (class univentionMail).
type Mailbox struct {
	// UUID and DN identify the entry.
	UUID UUID
	DN   string
	// Primary is the address that names the mailbox; zero when the user has none.
	Primary Address
	// Aliases are the alternative addresses in lower case as they stand, unchecked: use them as lookup keys only.
	Aliases []string
	// HomeServer is the lower-case FQDN of the mail home server, "" when none is set: then every Dovecot host is
	// responsible and no Cyrus host is (as in UCS).
	HomeServer string
	// Login is the uid in lower case.
	Login string
	// OtherLogins are the further values of the uid and of the primary address in lower case, unchecked: a directory may hold
	// several, and a server that searches for one finds the entry by each.
	OtherLogins []string
}

// IsMailbox reports whether the entry is a mail user with a primary address, whichever host is its home. It does not
// check the address.
func IsMailbox(e *Entry) bool {
	return e != nil && e.HasClass(ClassMail) && e.First(AttrPrimaryAddress) != ""
}

// ParseMailbox returns the view of a mail user. Its errors wrap ErrInvalid and name the DN.
func ParseMailbox(e *Entry) (Mailbox, error) {
	m := Mailbox{
		UUID:       e.UUID,
		DN:         e.DN,
		HomeServer: strings.ToLower(e.First(AttrHomeServer)),
		Login:      strings.ToLower(e.First("uid")),
	}
	for _, name := range []string{"uid", AttrPrimaryAddress} {
		for i, value := range e.Values(name) {
			if i > 0 {
				m.OtherLogins = append(m.OtherLogins, strings.ToLower(value))
			}
		}
	}
	for _, alias := range e.Values(AttrAlternativeAddress) {
		m.Aliases = append(m.Aliases, strings.ToLower(alias))
	}
	if primary := e.First(AttrPrimaryAddress); primary != "" {
		address, err := ParseAddress(primary)
		if err != nil {
			return Mailbox{}, Invalidf("%s: %s: %w", e.DN, AttrPrimaryAddress, err)
		}
		m.Primary = address
	}
	if m.HomeServer != "" {
		if err := CheckDomain(m.HomeServer); err != nil {
			return Mailbox{}, Invalidf("%s: %s: %w", e.DN, AttrHomeServer, err)
		}
	}
	return m, nil
}

// Names are all names under which a mail server may remember the user: people log in by address and by uid, with any
// domain behind the uid, and mail comes for the other addresses.
func (m Mailbox) Names() []string {
	if m.Primary.IsZero() {
		return nil
	}
	names := slices.Concat([]string{m.Primary.String()}, m.Aliases, m.OtherLogins)
	if m.Login != "" {
		names = append(names, m.Login, m.Login+"@"+m.Primary.Domain)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Logins are the names by which the user logs in, and nobody else: the primary address and the uid, with all their values.
func (m Mailbox) Logins() []string {
	var names []string
	if !m.Primary.IsZero() {
		names = append(names, m.Primary.String())
	}
	if m.Login != "" && m.Login != m.Primary.String() {
		names = append(names, m.Login)
	}
	for _, name := range m.OtherLogins {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
