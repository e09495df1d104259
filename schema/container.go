package schema

import "slices"

// containerClasses returns the object classes of the entries that are there to hold others, of all kinds of directories.
// The last is also that of what names a tree in OpenLDAP.
func containerClasses() []string {
	return []string{
		"organizationalUnit", "organization", "organizationalRole", "container", "nsContainer", "builtinDomain", "domain",
		"locality", "country", "dcObject",
	}
}

// IsContainer reports whether an entry is there to hold others. A directory that renames one tells of the container alone
// and not of what lies below it.
func IsContainer(e *Entry) bool {
	return e != nil && slices.ContainsFunc(containerClasses(), e.HasClass)
}
