package folder

import "github.com/mailreg/mailreg/schema"

// Op is what an action does.
type Op string

// The operations.
const (
	// Ensure gives the folder its store, of the kind that it is now.
	Ensure Op = "ensure"
	// Trash moves its store to the trash, Leave lets it lie out of reach.
	Trash Op = "trash"
	Leave Op = "leave"
)

// Action is a step of a plan.
type Action struct {
	Op Op
	// Folder is the side of the change that the action is about.
	Folder *schema.SharedFolder
}

// String tells the step in words.
func (a Action) String() string { return string(a.Op) + " " + name(a.Folder) }

// name returns what people call a folder.
func name(f *schema.SharedFolder) string {
	if f.Primary.IsZero() {
		return f.FullName()
	}
	return f.Primary.String()
}

// Settings are what a plan depends on beside the entry.
type Settings struct {
	// Host is the own name in full, in lower case.
	Host string
	// Delete is mail/dovecot/mailbox/delete.
	Delete bool
}

// Here reports whether a host is the home of a folder. Unlike a mailbox, one without a home server is nowhere.
func Here(f *schema.SharedFolder, host string) bool {
	return f != nil && f.HomeServer != "" && f.HomeServer == host
}

// Plan decides what a change asks for of the store; rights and quota follow at the end of the burst. old and new are nil where
// there is no folder.
func Plan(old, new *schema.SharedFolder, s Settings) []Action {
	switch {
	case Here(new, s.Host):
		return []Action{{Ensure, new}}
	case !Here(old, s.Host):
		return nil
	case s.Delete:
		return []Action{{Trash, old}}
	default:
		return []Action{{Leave, old}}
	}
}

// Takes reports whether a plan takes mail away from where it is, for the brake. A folder that is gone while delete=no leaves the
// mail where it is.
func Takes(plan []Action, new *schema.SharedFolder) bool {
	for _, a := range plan {
		if a.Op == Trash || a.Op == Leave && new != nil {
			return true
		}
	}
	return false
}
