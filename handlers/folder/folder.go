package folder

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "folder"

// Config is what the handler works with.
type Config struct {
	// Root is the directory below which the handler keeps what it has settled; "/" when empty.
	Root string
	// View reads the registry as it is now. Required.
	View func() (*registry.View, error)
	// Server opens what keeps the folders of this host as the settings are now. Required.
	Server func(*registry.View) (Server, error)
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the handler of shared folders.
type Handler struct {
	cfg Config

	mu sync.Mutex
	// people and folders are what the directory has, as far as it was applied.
	people  *people
	folders map[schema.UUID]*schema.SharedFolder
	// addresses are those of folders.
	addresses map[string]schema.UUID
	// known is what was settled; nil until it was read.
	known *memory
	// changed says that there is something to bring in line at the end of the burst.
	changed bool
	// shown are the folders as the server was last told; told says that it was in this run.
	shown map[schema.UUID]backend.Shared
	told  bool
	// again are folders that the server is told whatever it was told before: somebody may have asked for that.
	again map[schema.UUID]bool
	// moved are folders whose readers know them by another name now, and people who are called otherwise.
	moved  map[schema.UUID]move
	called map[schema.UUID]backend.Renaming
}

// move is a change of a name; to is "" when there is none any more.
type move struct{ from, to string }

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{cfg: cfg}
	h.forget()
	return h
}

// forget begins with an empty index.
func (h *Handler) forget() {
	h.people, h.folders, h.shown = newPeople(), map[schema.UUID]*schema.SharedFolder{}, map[schema.UUID]backend.Shared{}
	h.moved, h.called, h.told = map[schema.UUID]move{}, map[schema.UUID]backend.Renaming{}, false
	h.again, h.addresses = map[schema.UUID]bool{}, map[string]schema.UUID{}
}

// Name returns "folder".
func (h *Handler) Name() string { return Name }

// Match accepts shared folders, and of whom their rights may speak: groups, and users with a primary address.
func (h *Handler) Match(e *schema.Entry) bool {
	return schema.IsSharedFolder(e) || schema.IsGroup(e) || schema.IsMailbox(e)
}

// Differs reports whether a change is one of what is read of an entry.
func (h *Handler) Differs(c schema.Change) bool {
	read := []string{"objectClass", "cn", schema.AttrCommonName, schema.AttrPrimaryAddress}
	switch {
	case schema.IsSharedFolder(c.Old) || schema.IsSharedFolder(c.New):
		read = append(read, schema.AttrHomeServer, schema.AttrUserQuota, schema.AttrFolderACL)
	case schema.IsGroup(c.Old) || schema.IsGroup(c.New):
		read = append(read, schema.AttrMember, schema.AttrUniqueMember, schema.AttrMemberUID)
	default:
		read = []string{"objectClass", "uid", schema.AttrPrimaryAddress}
	}
	if c.Old.DN != c.New.DN {
		return true
	}
	for _, name := range read {
		if !equal(c.Old.Values(name), c.New.Values(name)) {
			return true
		}
	}
	return false
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

// Claims names the address of a folder, and its name: readers know it by one of them.
func (h *Handler) Claims(e *schema.Entry) []string {
	f := parse(e)
	if f == nil {
		return nil
	}
	claims := []string{"folder:" + strings.ToLower(f.FullName())}
	if !f.Primary.IsZero() {
		claims = append(claims, "mailbox:"+f.Primary.String())
	}
	return claims
}

// Takes reports whether Apply would take the mail of a folder away from where it is.
func (h *Handler) Takes(c schema.Change) bool {
	s, err := h.settings()
	new := parse(c.New)
	return err == nil && Takes(Plan(parse(c.Old), new, s), new)
}

// Keeps reports whether this host is the home of a folder.
func (h *Handler) Keeps(e *schema.Entry) bool {
	s, err := h.settings()
	return err == nil && Here(parse(e), s.Host)
}

// Steps tells what Apply would do.
func (h *Handler) Steps(c schema.Change) (steps []string) {
	s, err := h.settings()
	if err != nil {
		return []string{err.Error()}
	}
	for _, a := range Plan(parse(c.Old), parse(c.New), s) {
		steps = append(steps, a.String())
	}
	return steps
}

// Loses names what of a folder or group is gone: rights, members and a quota come back otherwise when an access rule only hides
// them for a while, but an address decides where the mail lies.
func (h *Handler) Loses(c schema.Change) (names []string) {
	for _, name := range []string{
		schema.AttrPrimaryAddress, schema.AttrHomeServer, schema.AttrFolderACL, schema.AttrMember, schema.AttrUniqueMember, schema.AttrMemberUID,
	} {
		if !schema.IsMailbox(c.Old) && c.Old.Values(name) != nil && c.New.Values(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// Recall takes in whom rights may be for.
func (h *Handler) Recall(entries iter.Seq[*schema.Entry]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	for e := range entries {
		h.index(e.UUID, e)
	}
}

// index takes in an entry in place of what was known under its id.
func (h *Handler) index(uuid schema.UUID, e *schema.Entry) {
	f := parse(e)
	h.put(uuid, f)
	if f == nil {
		h.people.put(uuid, e)
	}
}

// put takes in a folder, nil for none.
func (h *Handler) put(uuid schema.UUID, f *schema.SharedFolder) {
	if was := h.folders[uuid]; was != nil && !was.Primary.IsZero() {
		delete(h.addresses, was.Primary.String())
	}
	delete(h.folders, uuid)
	if f == nil {
		return
	}
	h.folders[uuid] = f
	if !f.Primary.IsZero() {
		h.addresses[f.Primary.String()] = uuid
	}
}

// Apply brings the store of a folder in line with the entry, and notes what Flush is to bring about.
func (h *Handler) Apply(ctx context.Context, c schema.Change) error {
	if schema.IsSharedFolder(c.Old) || schema.IsSharedFolder(c.New) {
		return h.applyFolder(ctx, c)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(c)
	h.people.put(c.UUID, c.New)
	return h.late(c.New)
}

// note remembers who is called otherwise.
func (h *Handler) note(c schema.Change) {
	h.changed = true
	from, to := calling(c.Old), calling(c.New)
	if was, twice := h.called[c.UUID]; twice {
		from = backend.Renaming{Subject: was.Subject, From: was.From}
	}
	if from.From != "" && from != to {
		from.To = to.From
		h.called[c.UUID] = from
	}
}

// calling returns what somebody is called in the rights of others, as From.
func calling(e *schema.Entry) backend.Renaming {
	switch {
	case schema.IsGroup(e):
		if g, err := schema.ParseGroup(e); err == nil {
			return backend.Renaming{Subject: backend.Group, From: g.Name}
		}
	case schema.IsMailbox(e):
		if m, err := schema.ParseMailbox(e); err == nil {
			return backend.Renaming{Subject: backend.User, From: m.Primary.String()}
		}
	}
	return backend.Renaming{}
}

func orEmpty(e *schema.Entry) *schema.Entry {
	if e == nil {
		return &schema.Entry{}
	}
	return e
}

func (h *Handler) applyFolder(ctx context.Context, c schema.Change) error {
	old, new := parse(c.Old), (*schema.SharedFolder)(nil)
	if schema.IsSharedFolder(c.New) {
		view, err := schema.ParseSharedFolder(c.New)
		if err != nil {
			return err
		}
		if strings.Contains(view.Primary.Local, "?") {
			return schema.Invalidf("%s: address %q: a question mark stands for any character in the rights of folders", view.DN, view.Primary)
		}
		new = &view
	}
	s, err := h.settings()
	if err != nil {
		return err
	}
	if err := h.act(ctx, Plan(old, new, s), c); err != nil {
		return fmt.Errorf("%s: %w", c.DN(), err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed, h.again[c.UUID] = true, true
	h.index(c.UUID, c.New)
	h.renamed(c.UUID, old, new, s)
	if new != nil && len(new.Faults) > 0 {
		return schema.Partlyf("%s: %s", new.DN, strings.Join(new.Faults, "; "))
	}
	return nil
}

// act carries out a plan.
func (h *Handler) act(ctx context.Context, plan []Action, c schema.Change) error {
	if len(plan) == 0 {
		return nil
	}
	server, err := h.server()
	if err != nil {
		return err
	}
	for _, a := range plan {
		f := neutral(a.Folder, changed(c.New))
		switch a.Op {
		case Ensure:
			if err = h.rival(a.Folder); err == nil {
				err = server.Ensure(ctx, f)
			}
		default:
			err = server.Remove(ctx, f, a.Op == Trash)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.Op, err)
		}
	}
	return nil
}

// rival refuses an address that a user had first: that store is the user's, until one of both has another.
func (h *Handler) rival(f *schema.SharedFolder) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.taken(f, h.folders[f.UUID])
}

// taken is rival for a folder that was another one, or none, before. A user who came later is told, see late.
func (h *Handler) taken(f, was *schema.SharedFolder) error {
	if f.Primary.IsZero() || was != nil && was.Primary == f.Primary {
		return nil
	}
	who := first(h.people.byAddress, f.Primary.String())
	if who.IsZero() {
		return nil
	}
	return &schema.Taken{By: who, Err: schema.Invalidf("address %s is that of a user", f.Primary)}
}

// late tells of a user whose address a folder had first: Dovecot gives mail for it to neither. Called with the lock.
func (h *Handler) late(e *schema.Entry) error {
	if !schema.IsMailbox(e) {
		return nil
	}
	address := h.people.users[e.UUID].address
	if folder, taken := h.addresses[address]; taken {
		return &schema.Taken{By: folder, Err: schema.Partlyf("%s: address %s is that of a shared folder", e.DN, address)}
	}
	return nil
}

// renamed notes that readers know a folder of this host by another name, or by none.
func (h *Handler) renamed(uuid schema.UUID, old, new *schema.SharedFolder, s Settings) {
	if !Here(old, s.Host) {
		return
	}
	m := move{from: shownName(old)}
	if Here(new, s.Host) {
		m.to = shownName(new)
	}
	if was, twice := h.moved[uuid]; twice {
		m.from = was.from
	}
	if m.from != m.to {
		h.moved[uuid] = m
	}
}

// shownName returns the IMAP name of the inbox of a folder.
func shownName(f *schema.SharedFolder) string {
	if f.Primary.IsZero() {
		return f.FullName() + "/INBOX"
	}
	return "shared/" + f.Primary.String()
}

// parse returns the view of a folder, nil when the entry is none or cannot be read: then it has no store here.
func parse(e *schema.Entry) *schema.SharedFolder {
	if !schema.IsSharedFolder(e) {
		return nil
	}
	f, err := schema.ParseSharedFolder(e)
	if err != nil {
		return nil
	}
	return &f
}

// neutral returns a folder in the words of servers.
func neutral(f *schema.SharedFolder, at time.Time) backend.Folder {
	return backend.Folder{UUID: f.UUID, Name: f.FullName(), Primary: f.Primary, Quota: f.Quota, Changed: at}
}

// changed returns when an entry changed last by its entryCSN, 20261124053715.123456Z#000000#000#000000.
func changed(e *schema.Entry) time.Time {
	csn := orEmpty(e).First(schema.AttrEntryCSN)
	at, err := time.Parse("20060102150405", csn[:min(14, len(csn))])
	if err != nil {
		return time.Time{}
	}
	return at
}

// settings reads what a plan depends on, so that a new value counts from the next change on.
func (h *Handler) settings() (Settings, error) {
	view, err := h.cfg.View()
	if err != nil {
		return Settings{}, &schema.TargetDown{Target: "registry", Err: err}
	}
	homes, err := mailbox.HomesOf(h.cfg.Root, view)
	s := Settings{Host: homes.Host, Delete: view.Bool("mail/dovecot/mailbox/delete")}
	if homes.Named { // Cyrus
		s.Delete = view.Bool("mail/cyrus/mailbox/delete")
	}
	return s, err
}

func (h *Handler) server() (Server, error) {
	view, err := h.cfg.View()
	if err != nil {
		return nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	return h.cfg.Server(view)
}
