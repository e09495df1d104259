package templates

import "strings"

// Settings is the registry as templates see it.
type Settings interface {
	// Get returns the merged value of a key.
	Get(key string) (string, bool)
	// Keys returns the keys that begin with a prefix and have a value in any layer, defaults included, in the order in
	// which numbered keys apply.
	Keys(prefix string) []string
	// Split returns the elements of a list variable.
	Split(key string) []string
	// Expands reports whether the key's declaration lets the reading program's own expansions through.
	Expands(key string) bool
}

// Directory tells what the LDAP directory calls what templates name by the names of UCS.
type Directory interface {
	// Attribute returns the name of an attribute or a class, "" when the directory has none.
	Attribute(canonical string) string
	// Question returns what is to be asked in place of a filter, or of several in a row.
	Question(filter string) (string, error)
}

// The settings that decide about Directory.
const (
	directoryKey    = "ldap/profile"
	directoryPrefix = "ldap/attribute/"
)

// World is the rest of what a rendering may look at. Every look is recorded.
type World struct {
	// Root is the root that function path puts before a path, "/" or a directory without a trailing slash.
	Root string
	// Settings is the registry.
	Settings Settings
	// ReadFile returns the content of a file of the machine, such as "/tmp/mr-1/etc/postfix/main.cf.local": the path is
	// absolute and has the root in it already. An fs.ErrNotExist error means that there is none.
	ReadFile func(path string) ([]byte, error)
	// Directory returns what the directory calls its attributes and classes. Only functions attribute and filter look at it.
	Directory func() (Directory, error)
	// Version returns the installed version of a server or of one of its packages, such as "2.3.19" for "dovecot"; ""
	// when it is not installed, or not known.
	Version func(server string) string
}

// Output is one generated file, as its manifest declares it.
type Output struct {
	// Path is the file's path below the root.
	Path string
	// Service is the service whose config the file belongs to, such as "postfix".
	Service string
	// Format is the name of the format writer.
	Format string
	// Mode is the permission bits; Owner and Group are names, root when empty.
	Mode         uint32
	Owner, Group string
	// Manifest is the name of the manifest that declares it, without ".ini"; Template the template or the folder that it
	// names there.
	Manifest, Template string
	// Parts are the names of the templates in numeric order.
	Parts []string
	// Table is the type of the indexed map to build from the file ("hash" with postmap, "aliases" with postalias, "sieve" with
	// sievec); empty for none.
	Table string
	// When is a boolean key; the file is rendered only when it is true. KEY=WORD renders it only when the key has that word, or
	// is auto and the service says that it is meant. Empty renders always.
	When string
}

// Condition returns the parts of When; word is empty for a boolean key.
func (o Output) Condition() (key, word string) {
	key, word, _ = strings.Cut(o.When, "=")
	return key, word
}

// Uses is what a rendering has looked at, each list sorted; a change of any of it asks for a new rendering.
type Uses struct {
	// Keys are registry keys, set or not; Prefixes are those given to function prefix.
	Keys, Prefixes []string
	// Files are the paths given to World.ReadFile; Versions are the servers given to World.Version.
	Files, Versions []string
}
