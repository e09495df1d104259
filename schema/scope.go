package schema

import (
	"slices"
	"strings"
)

// Scope is the part of the directory that handlers care for: mail users, mail domains, shared folders, groups, registry
// policies, and the entries from which a host gets its policies, its own one and those above it; and the containers, by
// whose names all others are called.
type Scope struct {
	// Base is the DN below which the directory is followed, Host the DN of the host's own entry; without one, or with one
	// that is not below the base, no policies are followed.
	Base, Host string
	// Also are filters of further entries, Asked names of further attributes: a site's own handlers want them.
	Also, Asked []string
}

// Levels returns the DNs of the entries that can assign policies to the host, its own first.
func (s Scope) Levels() []DN {
	base, err := ParseDN(s.Base)
	host, err2 := ParseDN(s.Host)
	if err != nil || err2 != nil || len(host) == 0 {
		return nil
	}
	return host.Levels(base)
}

// Filter is the LDAP filter of the entries that handlers care for, and of the containers.
func (s Scope) Filter() string {
	filter := ""
	for _, class := range slices.Concat(mailClasses(), containerClasses()) {
		filter += "(objectClass=" + class + ")"
	}
	levels := s.Levels()
	if len(levels) > 0 {
		filter += "(objectClass=" + ClassPolicyRegistry + ")(objectClass=" + ClassPolicy + ")"
	}
	for _, level := range levels {
		filter += "(entryDN=" + EscapeFilter(level.String()) + ")"
	}
	return "(|" + filter + strings.Join(s.Also, "") + ")"
}

// mailClasses are the classes of the entries that mail is about.
func mailClasses() []string {
	return []string{ClassMail, ClassMailDomain, ClassPolicyQuota, ClassSharedFolder, ClassGroup, ClassGroupOfNames, ClassGroupOfUniqueNames}
}

// EscapeFilter writes a value so that a filter can hold it (RFC 4515 section 3).
func EscapeFilter(value string) string {
	return strings.NewReplacer(`\`, `\5c`, `*`, `\2a`, `(`, `\28`, `)`, `\29`, "\x00", `\00`).Replace(value)
}

// Selects reports whether Filter picks an entry, but for those that only Also picks: they are their handlers' to match.
func (s Scope) Selects(e *Entry) bool {
	levels := s.Levels()
	return slices.ContainsFunc(mailClasses(), e.HasClass) || IsContainer(e) || len(levels) > 0 && (IsPolicy(e) || IsLevel(e, levels))
}

// IsLevel reports whether an entry is one of those that can assign policies.
func IsLevel(e *Entry, levels []DN) bool {
	if e == nil {
		return false
	}
	// Almost no entry is one, and most can be told by the attribute that they are named by.
	name, _, _ := strings.Cut(strings.ToLower(e.DN), "=")
	named := func(level DN) bool { return strings.Contains(level[0], strings.TrimSpace(name)+"=") }
	if !slices.ContainsFunc(levels, named) {
		return false
	}
	dn, err := ParseDN(e.DN)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(levels, func(level DN) bool { return slices.Equal(level, dn) })
}

// Attributes returns the names asked of the provider, each once.
func (s Scope) Attributes() []string {
	names := Attributes()
	for _, name := range s.Asked {
		if !slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(known, name) }) {
			names = append(names, name)
		}
	}
	return names
}

// Attributes are the names that mailreg's own handlers ask of the provider: what the views read, and the operational attributes by which entries
// are identified, dated and ordered. The name of an attribute stands for all that have options as well.
func Attributes() []string {
	return append([]string{
		"objectClass", "uid", AttrDomainName, AttrCommonName,
		AttrPrimaryAddress, AttrAlternativeAddress, AttrHomeServer, AttrServerRole,
		AttrFolderACL, AttrUserQuota, AttrPolicyQuota, AttrMember, AttrUniqueMember, AttrMemberUID,
		"entryUUID", "entryCSN", "createTimestamp",
	}, slices.Concat(AccountAttributes(), PolicyAttributes())...)
}
