package schema

import "strings"

// Names of the attributes and classes of groups. The classes are those of RFC 2307 and RFC 4519; a directory may use any of
// them, UCS has the first with members by DN (uniqueMember) and by user name.
const (
	ClassGroup              = "posixGroup"
	ClassGroupOfNames       = "groupOfNames"
	ClassGroupOfUniqueNames = "groupOfUniqueNames"

	AttrMember       = "member"
	AttrUniqueMember = "uniqueMember"
	AttrMemberUID    = "memberUid"
	// AttrCommonName is cn also where the name of a mail domain is another attribute.
	AttrCommonName = "commonName"
)

// Group is the typed view of a group.
type Group struct {
	// UUID and DN identify the entry.
	UUID UUID
	DN   string
	// Name is the cn as it stands: UTF-8 of one line without a comma. Names are compared without regard to case.
	Name string
	// Mail is the address of the group as it stands, unchecked, "" when it takes no mail.
	Mail string
	// Members are the DNs of members as they stand: users, and groups that are members with all of theirs.
	Members []string
	// UIDs are the user names of members in lower case. Directories may name one member both ways.
	UIDs []string
}

// IsGroup reports whether the entry is a group.
func IsGroup(e *Entry) bool {
	return e != nil && (e.HasClass(ClassGroup) || e.HasClass(ClassGroupOfNames) || e.HasClass(ClassGroupOfUniqueNames))
}

// ParseGroup returns the view of a group. Its errors wrap ErrInvalid and name the DN.
func ParseGroup(e *Entry) (Group, error) {
	g := Group{UUID: e.UUID, DN: e.DN, Name: commonName(e), Mail: e.First(AttrPrimaryAddress)}
	if err := CheckGroupName(g.Name); err != nil {
		return Group{}, Invalidf("%s: cn %q: %w", e.DN, g.Name, err)
	}
	g.Members = append(g.Members, e.Values(AttrUniqueMember)...)
	g.Members = append(g.Members, e.Values(AttrMember)...)
	for _, uid := range e.Values(AttrMemberUID) {
		g.UIDs = append(g.UIDs, strings.ToLower(uid))
	}
	return g, nil
}

// Primary returns the address of a group that takes mail, and the zero address otherwise. Its errors wrap ErrInvalid and name
// the DN.
func (g Group) Primary() (Address, error) {
	if g.Mail == "" {
		return Address{}, nil
	}
	address, err := ParseAddress(g.Mail)
	if err != nil {
		return Address{}, Invalidf("%s: %s: %w", g.DN, AttrPrimaryAddress, err)
	}
	return address, nil
}

// CheckGroupName accepts the name of a group. Servers separate groups by commas.
func CheckGroupName(name string) error {
	if name == "" || len(name) > 256 || strings.TrimSpace(name) != name {
		return Invalidf("the name of a group must have 1 to 256 bytes without blanks at its ends")
	}
	return checkText(name, ",")
}

// commonName returns the cn of an entry, in whichever profile.
func commonName(e *Entry) string {
	if name := e.First(AttrCommonName); name != "" {
		return name
	}
	return e.First(AttrDomainName)
}
