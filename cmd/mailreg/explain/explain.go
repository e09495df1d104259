// Package explain puts together what directory, settings, mail server and daemon say of one mail user. It is pure: who asks
// has gathered the facts.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Facts are what is known.
type Facts struct {
	// View is the settings, Root the directory below which the servers lie.
	View *registry.View
	Root string
	// Known is what the daemon knows, Daemon why it said nothing.
	Known  []control.Explanation
	Daemon error
	// Behind says why the daemon may not know the newest state.
	Behind []string
	// Stores are the stores on this host, Spool is why they could not be looked at.
	Stores []Store
	Spool  error
	// Moves are those of the entries and stores; OldMoves says that they are told as the disk has them, nil when the daemon told.
	Moves    []control.Move
	OldMoves error
	// Blocked are the names that this host refuses at a login, by entry; Now is the time, that of the clock when zero.
	Blocked map[schema.UUID][]string
	Now     time.Time
}

// Store is a store with what it holds.
type Store struct {
	backend.Store
	backend.Usage
}

// reachedFrom reports whether mail of an entry goes to the store.
func (s Store) reachedFrom(e Entry) bool {
	return e.Here && e.Entry.UUID == s.UUID && strings.EqualFold(e.Address, s.Address)
}

// Report is the answer.
type Report struct {
	Entries  []Entry   `json:"entries"`
	Settings []Setting `json:"settings"`
	Stores   []Store   `json:"stores"`
	// Moves tell how far the mail is that goes to another host or comes from there.
	Moves []control.Move `json:"moves,omitempty"`
	// Unknown says what could not be asked, and what follows from that.
	Unknown []string `json:"unknown"`
}

// Entry is a mail user as the directory has it, and what is wanted because of that.
type Entry struct {
	control.Explanation
	// Address is the primary address, "" without a valid one; Here says that a mailbox of that address is wanted on this
	// host, Rule why or why not.
	Address string `json:"address"`
	Here    bool   `json:"here"`
	Rule    string `json:"rule"`
	// Login says whether the user may log in.
	Login Login `json:"login"`
}

// Setting is a variable that matters for mailboxes, and where its value comes from.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Layer is the layer, "" when nothing sets it.
	Layer string `json:"layer"`
}

// keys are the variables that decide about mailboxes.
var keys = []string{
	"hostname", "domainname", "mailreg/mode", "mail/mailbox/backend", "mail/dovecot/location/key", "mail/dovecot/mailbox/rename",
	"mail/dovecot/mailbox/delete", "mail/cyrus/mailbox/rename", "mail/cyrus/mailbox/delete", "mail/mailbox/reuse", "mail/mailbox/trash/keep", "mail/hosteddomains", "mail/account/lockout",
}

// Explain makes the report.
func Explain(f Facts) Report {
	r := Report{Entries: []Entry{}, Settings: []Setting{}, Stores: append([]Store{}, f.Stores...), Moves: f.Moves, Unknown: []string{}}
	if f.Daemon != nil {
		r.Unknown = append(r.Unknown, fmt.Sprintf("%v: what the directory says and what is pending is not known", f.Daemon))
	}
	for _, reason := range f.Behind {
		r.Unknown = append(r.Unknown, "whether this is the newest state: "+reason)
	}
	if f.Spool != nil {
		r.Unknown = append(r.Unknown, fmt.Sprintf("the stores could not be looked at: %v", f.Spool))
	}
	if f.OldMoves != nil {
		r.Unknown = append(r.Unknown, f.OldMoves.Error())
	}
	for _, known := range f.Known {
		r.Entries = append(r.Entries, wanted(known, f))
	}
	for i, store := range r.Stores {
		switch { // as in mailbox list
		case f.Daemon != nil || store.State != "live" || slices.ContainsFunc(r.Entries, store.reachedFrom):
		case slices.ContainsFunc(f.Moves, store.leaves):
			r.Stores[i].State = "leaving"
		default:
			r.Stores[i].State = "orphan"
		}
	}
	for _, key := range keys {
		s := Setting{Key: key, Value: f.View.String(key)}
		if layer, ok := f.View.Source(key); ok {
			s.Layer = layer.String()
		}
		r.Settings = append(r.Settings, s)
	}
	return r
}

// wanted applies the rules of handler mailbox to an entry.
func wanted(known control.Explanation, f Facts) Entry {
	e := Entry{Explanation: known}
	entry := known.Entry.Schema()
	e.Login = login(entry, f)
	m, err := schema.ParseMailbox(entry)
	homes, unnamed := mailbox.HomesOf(f.Root, f.View)
	if err == nil && !m.Primary.IsZero() {
		e.Address = m.Primary.String()
	}
	switch {
	case !known.Present && known.Outside:
		e.Rule = "the entry can no longer be read: its store is kept"
	case !known.Present:
		e.Rule = "the entry is gone from the directory"
	case err != nil:
		e.Rule = strings.TrimPrefix(err.Error(), known.Entry.DN+": ")
	case !schema.IsMailbox(entry):
		e.Rule = fmt.Sprintf("no class %s with a %s: no mailbox", schema.ClassMail, schema.AttrPrimaryAddress)
	case unnamed != nil:
		e.Rule = unnamed.Error()
	case m.HomeServer == "" && homes.Named:
		e.Rule = "no " + schema.AttrHomeServer + " is set: no Cyrus host has the mailbox"
	case !homes.Here(&m):
		e.Rule = fmt.Sprintf("%s is %s, this host is %s: no mailbox here", schema.AttrHomeServer, m.HomeServer, homes.Host)
	case m.HomeServer == "":
		e.Here, e.Rule = true, "no "+schema.AttrHomeServer+" is set: every Dovecot host has the mailbox"
	default:
		e.Here, e.Rule = true, schema.AttrHomeServer+" is this host"
	}
	if e.Here && !slices.ContainsFunc(f.View.List("mail/hosteddomains"), func(d string) bool { return strings.EqualFold(d, m.Primary.Domain) }) {
		e.Rule += "; but " + m.Primary.Domain + " is not in mail/hosteddomains: Postfix takes no mail for it"
	}
	return e
}

// Lines prints the report for people.
func (r Report) Lines() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, text := range r.Unknown {
		add("Not known: %s", text)
	}
	for _, e := range r.Entries {
		add("Entry: %s", e.Entry.DN)
		add("  UUID: %s", e.Entry.UUID)
		for _, name := range sortedNames(e.Entry.Attrs) {
			add("  %s: %s", name, strings.Join(e.Entry.Attrs[name], ", "))
		}
		add("Wanted: %s", e.wanted())
		add("Login: %s", e.Login.tell(e.Here))
		for _, h := range e.Handlers {
			add("Handler %s: %s", h.Name, state(h, e.Entry.DN))
		}
	}
	for _, m := range r.Moves {
		add("Moving: %s", screen.Move(m))
	}
	for _, s := range r.Stores {
		add("Store: %s", s.describe())
	}
	if len(r.Stores) == 0 && len(r.Entries) > 0 {
		add("Store: none on this host")
	}
	add("Settings:")
	for _, s := range r.Settings {
		add("  %s: %s (%s)", s.Key, cmp.Or(s.Value, "<empty>"), cmp.Or(s.Layer, "unset"))
	}
	return lines
}

func sortedNames(attrs map[string][]string) []string {
	var names []string
	for name := range attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (e Entry) wanted() string {
	if e.Here {
		return fmt.Sprintf("a mailbox of %s on this host: %s", e.Address, e.Rule)
	}
	return "nothing on this host: " + e.Rule
}

// state says how far a handler is with the entry of a DN, and what it waits for.
func state(h control.HandlerReport, dn string) string {
	text := h.State
	if h.ID != "" {
		text += " as " + h.ID
	}
	switch h.State { // what a person can do
	case "parked":
		text += fmt.Sprintf(" (mailreg listener retry %s, or drop %[1]s)", h.ID)
	case "held":
		text += fmt.Sprintf(" (mailreg listener approve %s, or reject %[1]s)", h.ID)
	}
	if !h.Since.IsZero() {
		text += " since " + moment(h.Since.Time)
	}
	if h.Attempts > 0 {
		text += ", tried " + times(h.Attempts)
	}
	if !h.Next.IsZero() {
		text += ", next at " + moment(h.Next.Time)
	}
	if h.BlockedBy != "" {
		text += ", waits for " + h.BlockedBy
	}
	if h.Reason != "" {
		text += ": " + strings.TrimPrefix(h.Reason, dn+": ")
	}
	if !h.Done.IsZero() {
		text += "; last done " + moment(h.Done.Time)
	}
	if len(h.Claims) > 0 {
		text += "; owns " + strings.Join(h.Claims, ", ")
	}
	return text
}

// times counts how often something was done.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (s Store) describe() string {
	text := s.State
	if s.Cause != "" && string(s.Cause) != s.State {
		text += " (" + string(s.Cause) + ")"
	}
	if !s.Time.IsZero() {
		text += " since " + moment(s.Time)
	}
	text += ", " + s.Path
	if s.Address != "" {
		text += ", " + s.Address
	}
	text += fmt.Sprintf(", messages %d, bytes %d", s.Messages, s.Bytes)
	if !s.LastLogin.IsZero() {
		text += ", last login " + moment(s.LastLogin)
	}
	if s.ID != "" {
		text += " (mailreg mailbox trash restore " + s.ID + ")"
	}
	return text
}

// moment prints a time in UTC to the second.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
