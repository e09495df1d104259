package schema

// Filter is the LDAP filter of the entries that handlers care for.
func Filter() string {
	return "(|(objectClass=" + ClassMail + ")(objectClass=" + ClassMailDomain + "))"
}

// Attributes are the names asked of the provider: what the views read, and the operational attributes by which entries
// are identified, dated and ordered.
func Attributes() []string {
	return []string{
		"objectClass", "uid", "cn",
		AttrPrimaryAddress, AttrAlternativeAddress, AttrHomeServer,
		"entryUUID", "entryCSN", "createTimestamp",
	}
}

// Selects reports whether Filter picks an entry.
func Selects(e *Entry) bool { return e.HasClass(ClassMail) || e.HasClass(ClassMailDomain) }
