package mailbox

import (
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Op is what an action does.
type Op string

// The operations.
const (
	// Flush makes the server forget who may log in under Names.
	Flush Op = "flush"
	// Kick ends the sessions of Names.
	Kick Op = "kick"
	// Ensure gives the owner a store under To: the one there, one that comes back, or an empty one.
	Ensure Op = "ensure"
	// Keep is Ensure for an owner whose address is the same as before.
	Keep Op = "keep"
	// Move lets the store follow from From to To; without one it is Ensure.
	Move Op = "move"
	// Quarantine puts the store of From out of reach, because rename=no and delete=no.
	Quarantine Op = "quarantine"
	// Trash moves the store of From to the trash.
	Trash Op = "trash"
	// Limit lets the store of To hold as much as its owner's quota says.
	Limit Op = "limit"
	// Leave lets the store of From lie where it is, out of its owner's reach. Only one that was set aside has no place to
	// lie in and is quarantined.
	Leave Op = "leave"
	// HandOver has the store of From go to the host Peer, where the owner is To; until it is there, the owner is served here.
	HandOver Op = "hand over"
	// Await keeps the owner out until the store has come from Peer.
	Await Op = "await"
)

// Action is one step of a plan.
type Action struct {
	Op       Op
	From, To schema.Address
	// Cause says why Trash takes the store, or Leave.
	Cause backend.Cause
	// Peer is the other host of HandOver and Await. Shared says that the store is one of several: without a home server the
	// owner has had one on each host.
	Peer   string
	Shared bool
	// Names are login names.
	Names []string
}

// String tells the step in words, such as "move a@x to b@x".
func (a Action) String() string {
	text := string(a.Op)
	if !a.From.IsZero() {
		text += " " + a.From.String()
	}
	switch {
	case a.To.IsZero():
	case a.Op == Move:
		text += " to " + a.To.String()
	case a.From.IsZero():
		text += " " + a.To.String()
	}
	if a.Peer != "" {
		text += map[Op]string{HandOver: " to host ", Await: " from host "}[a.Op] + a.Peer
	}
	if len(a.Names) > 0 && a.Peer == "" {
		text += " " + strings.Join(a.Names, ", ")
	}
	return text
}

// Homes says which mailboxes are at home on a host.
type Homes struct {
	// Host is the own name in full, in lower case.
	Host string
	// Named says that only a home server that is named counts, as on Cyrus: an empty one makes every Dovecot host responsible
	// and no Cyrus host.
	Named bool
}

// Here reports whether the host is the home of a mailbox.
func (h Homes) Here(m *schema.Mailbox) bool {
	return m != nil && !m.Primary.IsZero() && (m.HomeServer == h.Host || m.HomeServer == "" && !h.Named)
}

// Settings are what a plan depends on beside the entry.
type Settings struct {
	Homes
	// Transfer is mail/homeserver/transfer: mail goes along when the home server changes.
	Transfer bool
	// Rename and Delete are mail/dovecot/mailbox/{rename,delete}, or those of mail/cyrus.
	Rename, Delete bool
	// Layout is how the spool names its homes.
	Layout backend.Layout
}

// Plan decides what a change asks for (docs/architecture.md, "Stores"). old and new are nil where there is no mail
// user. Both are nil when the user came and went before the first attempt succeeded.
func Plan(old, new *schema.Mailbox, s Settings) []Action {
	was, is := s.Here(old), s.Here(new)
	var stores []Action
	switch {
	case was && is && old.Primary != new.Primary:
		stores = s.readdress(old.Primary, new.Primary)
	case was && is:
		stores = []Action{{Op: Keep, To: new.Primary}}
	case is && s.comes(old):
		stores = []Action{{Op: Await, From: old.Primary, To: new.Primary, Peer: old.HomeServer, Names: Served(new)}}
	case is:
		stores = []Action{{Op: Ensure, To: new.Primary}}
	case was && s.leaves(new):
		stores = []Action{{Op: HandOver, From: old.Primary, To: new.Primary, Peer: new.HomeServer, Shared: old.HomeServer == "", Names: Served(new)}}
	case was || old == nil && new == nil:
		stores = s.remove(old, new)
	}
	if is && s.Named && stores[0].Op != Await { // the limit comes with the mail
		stores = append(stores, Action{Op: Limit, To: new.Primary})
	}
	names := logins(old, new)
	if !was && !is || len(names) == 0 || !slices.ContainsFunc(stores, Action.vacates) {
		return stores // what caches are to forget of the change itself is the matter of handler account
	}
	flush := Action{Op: Flush, Names: names}
	stores = append([]Action{flush, {Op: Kick, Names: []string{old.Primary.String()}}}, stores...)
	if s.Layout == backend.ByAddress && stores[len(stores)-1].Op == Move {
		// Who has logged in under the new address before the store came is in an empty home that is gone.
		stores = append(stores, Action{Op: Kick, Names: []string{new.Primary.String()}})
	}
	return append(stores, flush)
}

// comes reports whether the mail of a user who is at home here now comes from another host. leaves reports whether it goes to
// one. Where only a home server counts that is named, nobody without has mail.
func (s Settings) comes(old *schema.Mailbox) bool {
	return s.Transfer && old != nil && !old.Primary.IsZero() && (!s.Named || old.HomeServer != "")
}

func (s Settings) leaves(new *schema.Mailbox) bool {
	return s.Transfer && new != nil && !new.Primary.IsZero() && (!s.Named || new.HomeServer != "")
}

// readdress is the table of docs/architecture.md, "Stores".
func (s Settings) readdress(from, to schema.Address) []Action {
	ensure := Action{Op: Ensure, To: to}
	switch {
	case s.Rename:
		return []Action{{Op: Move, From: from, To: to}}
	case s.Delete:
		return []Action{{Op: Trash, From: from, To: to, Cause: backend.Renamed}, ensure}
	case s.Layout == backend.ByAddress:
		return []Action{{Op: Leave, From: from, To: to, Cause: backend.Renamed}, ensure}
	default:
		return []Action{{Op: Quarantine, From: from, To: to}, ensure}
	}
}

// remove is for a user who is gone, has lost the address, or has another home server. A store of an empty home server
// stays when one is named: its mail was only ever here.
func (s Settings) remove(old, new *schema.Mailbox) []Action {
	var from schema.Address
	if old != nil {
		from = old.Primary
	}
	named := old != nil && old.HomeServer == "" && new != nil && new.HomeServer != ""
	if s.Delete && !named {
		return []Action{{Op: Trash, From: from, Cause: backend.Deleted}}
	}
	return []Action{{Op: Leave, From: from, Cause: backend.Foreign}}
}

// vacates reports whether nobody may be logged in while the action runs.
func (a Action) vacates() bool {
	return a.Op == Move || a.Op == Quarantine || a.Op == Trash || a.Op == Leave
}

// Takes reports whether a plan takes mail away from where it is, for the brake: into trash or quarantine, to
// another path, or out of reach because its owner has another home server or address. A user who is gone while delete=no
// leaves the mail where it is.
func Takes(plan []Action, new *schema.Mailbox, s Settings) bool {
	return slices.ContainsFunc(plan, func(a Action) bool {
		switch a.Op {
		case Trash, Quarantine:
			return true
		case Move:
			return s.Layout == backend.ByAddress
		case Leave:
			return new != nil
		default:
			return false
		}
	})
}

// Served returns the names by which Dovecot finds a user in the directory. A former address is none, nor is the uid with a
// domain: they may be somebody else's by now.
func Served(m *schema.Mailbox) []string {
	names := append(m.Logins(), m.Aliases...)
	slices.Sort(names)
	return slices.Compact(names)
}

// logins returns the names under which Dovecot may have cached one of the users.
func logins(users ...*schema.Mailbox) (names []string) {
	for _, m := range users {
		if m != nil {
			names = append(names, m.Names()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
