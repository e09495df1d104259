package sharing

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// letters are the IMAP rights (RFC 4314) that Dovecot gives for a right of UCS, as the peer does.
var letters = map[schema.FolderRight]string{
	schema.RightRead:   "lrws",
	schema.RightPost:   "lrwsp",
	schema.RightAppend: "lrwspi",
	schema.RightWrite:  "lrwspite",
	schema.RightAll:    "lrwspitekxa",
}

// sharedPrefix begins the names of folders with an address.
const sharedPrefix = "shared/"

// GroupID returns the name of a group as Dovecot can hold it.
func GroupID(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._@+-", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// identifier returns who a grant is for, in the words of Dovecot's files.
func identifier(g backend.Grant) string {
	switch g.Subject {
	case backend.User:
		return "user=" + g.Name
	case backend.Group:
		return "group=" + GroupID(g.Name)
	default:
		return string(g.Subject)
	}
}

// inboxFile returns the file dovecot-acl of a folder.
func inboxFile(grants []backend.Grant) []byte {
	var b bytes.Buffer
	for _, g := range grants {
		fmt.Fprintf(&b, "%s %s\n", quoted(identifier(g)), letters[g.Right])
	}
	return b.Bytes()
}

// mailboxName returns the name by which readers know the folder: all its mailboxes are that or begin with it and a slash.
func mailboxName(f backend.Folder) string {
	if f.Primary.IsZero() {
		return f.Name
	}
	return sharedPrefix + f.Primary.String()
}

// rightsFile returns the file that holds the rights to all folders.
func rightsFile(all []backend.Shared) []byte {
	lines := make([]string, 0, 2*len(all))
	for _, f := range all {
		for _, g := range f.Grants {
			rest := " " + quoted(identifier(g)) + " " + letters[g.Right] + "\n"
			lines = append(lines, quoted(mailboxName(f.Folder))+rest, quoted(mailboxName(f.Folder)+"/*")+rest)
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// owners returns the addresses of the folders in a file of rights.
func owners(rights []byte) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(string(rights)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, `"`), `"`)
		if address, ok := strings.CutPrefix(name, sharedPrefix); ok {
			found[strings.TrimSuffix(address, "/*")] = true
		}
	}
	return found
}

// quoted writes a name so that Dovecot's files can hold it: schema has refused what they cannot.
func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }
