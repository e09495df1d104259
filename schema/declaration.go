package schema

import "strings"

// Declaration describes one registry variable, or all variables that a pattern names. The stock ones are compiled into
// a table at build time; an administrator's are read from /etc/mailreg/schema.d.
type Declaration struct {
	// Key is the variable's name, or a pattern: a name in which ".*" stands for one or more characters, such as
	// "mail/alias/.*".
	Key string
	// Type is one of the type names of package registry, such as "uint"; never empty.
	Type string
	// Element is the type of a list's elements; "str" when empty.
	Element string
	// Separator splits a list; white space and commas when empty.
	Separator string
	// Enum lists the allowed values of an enum, or of the elements of a list of enum.
	Enum []string
	// Regex must match the whole value, or the whole element of a list; empty allows all.
	Regex string
	// Min and Max bound a number; empty means no bound.
	Min, Max string
	// Default is the value when no layer sets the variable. "@%@KEY@%@" in it stands for the value of another variable;
	// a path is taken below the root. HasDefault tells an empty default from none.
	Default    string
	HasDefault bool
	// DescriptionEN and DescriptionDE say in one sentence what the variable does.
	DescriptionEN, DescriptionDE string
	// Category groups variables for search; several are separated by commas.
	Category string
	// Secret values live in secrets.conf and are never logged.
	Secret bool
	// Generate is the length in characters of the value that the first commit which needs the secret makes up; 0 makes
	// none.
	Generate int
	// Local variables are ignored in the ldap layer.
	Local bool
	// ReadOnly variables are set by the daemon only.
	ReadOnly bool
	// Expand lets the reading program's own expansions ("$" of Postfix) through the format writer.
	Expand bool
	// Service and Action name what a change needs beyond the files that it rewrites, such as "postfix" and "reload".
	Service, Action string
	// Unread is the reason why no template and no code reads the variable yet; empty when something does.
	Unread string
}

// In reports whether the variable belongs to a category, in whatever case.
func (d Declaration) In(category string) bool {
	for one := range strings.SplitSeq(d.Category, ",") {
		if strings.EqualFold(strings.TrimSpace(one), category) {
			return true
		}
	}
	return false
}
