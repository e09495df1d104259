package listener

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// id returns the UUID that ends in n.
func id(n int) schema.UUID {
	return schema.UUID{14: byte(n >> 8), 15: byte(n)}
}

// user returns a mail user with an address, none when it is "". Users are as old as their number.
func user(n int, address string, more ...schema.Attribute) *schema.Entry {
	attrs := []schema.Attribute{
		{Name: "objectClass", Values: []string{schema.ClassMail}},
		{Name: "createTimestamp", Values: []string{fmt.Sprintf("202601010000%02dZ", n%60)}},
	}
	if address != "" {
		attrs = append(attrs, schema.Attribute{Name: schema.AttrPrimaryAddress, Values: []string{address}})
	}
	return schema.NewEntry(id(n), fmt.Sprintf("uid=u%d,ou=people", n), append(attrs, more...)...)
}

func attr(name, value string) schema.Attribute {
	return schema.Attribute{Name: name, Values: []string{value}}
}

var errCut = errors.New("connection lost")

// directory is a provider in memory. Its position is the number of its changes.
type directory struct {
	mu      sync.Mutex
	entries map[schema.UUID]*schema.Entry
	// outside entries exist but are out of reach.
	outside map[schema.UUID]bool
	log     []schema.UUID
	news    *signal
	cuts    int
	// presentPhase answers cookies with a present phase.
	presentPhase bool
	// pretend, when set, replaces a session.
	pretend func(ctx context.Context, yield func(Event, error) bool) error
	// secret values, as name=value, are said to be neither there nor gone.
	secret map[string]bool
	// verifyErr and positionErr are injected.
	verifyErr, positionErr error
	// blank hides the position, behind takes from it.
	blank  bool
	behind int
	// looked, when set, happens once, between the next look at an entry and its answer.
	looked func()
	// during and scanErr are for Scan.
	during  func()
	scanErr error
	// silent leaves the cookies of live events out.
	silent   bool
	sessions []string
	verified []schema.UUID
}

func newDirectory(entries ...*schema.Entry) *directory {
	d := &directory{entries: map[schema.UUID]*schema.Entry{}, outside: map[schema.UUID]bool{}, news: newSignal()}
	d.set(entries...)
	return d
}

func cookieAt(n int) string { return "rid=000,csn=" + csnAt(n) }
func csnAt(n int) string    { return fmt.Sprintf("%014d.000000Z#000000#000#000000", n) }

func positionOf(cookie string) int {
	n, err := strconv.Atoi(cookie[len("rid=000,csn="):][:14])
	if err != nil {
		panic(err)
	}
	return n
}

func (d *directory) change(fn func()) {
	d.mu.Lock()
	fn()
	d.mu.Unlock()
	d.news.send()
}

func (d *directory) set(entries ...*schema.Entry) {
	d.change(func() {
		for _, e := range entries {
			d.entries[e.UUID] = e
			d.log = append(d.log, e.UUID)
		}
	})
}

func (d *directory) delete(uuids ...schema.UUID) {
	d.change(func() {
		for _, uuid := range uuids {
			delete(d.entries, uuid)
			delete(d.outside, uuid)
			d.log = append(d.log, uuid)
		}
	})
}

func (d *directory) hide(uuid schema.UUID, hidden bool) {
	d.change(func() {
		d.outside[uuid] = hidden
		d.log = append(d.log, uuid)
	})
}

// cut ends all sessions.
func (d *directory) cut() { d.change(func() { d.cuts++ }) }

func (d *directory) inScope(uuid schema.UUID) *schema.Entry {
	e := d.entries[uuid]
	if e == nil || d.outside[uuid] || !e.HasClass(schema.ClassMail) {
		return nil
	}
	return e
}

func (d *directory) Events(ctx context.Context, cookie []byte) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		d.mu.Lock()
		d.sessions = append(d.sessions, string(cookie))
		pretend, cuts := d.pretend, d.cuts
		events, at := d.refresh(string(cookie))
		d.mu.Unlock()
		if pretend != nil {
			if err := pretend(ctx, yield); err != nil {
				yield(Event{}, err)
			}
			return
		}
		for {
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
			}
			var err error
			if events, at, err = d.await(ctx, at, cuts); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

func (d *directory) refresh(cookie string) ([]Event, int) {
	var events []Event
	at := len(d.log)
	from := 0
	if cookie != "" {
		from = min(positionOf(cookie), at)
	}
	changed := map[schema.UUID]bool{}
	for _, uuid := range d.log[from:] {
		changed[uuid] = true
	}
	for _, uuid := range slices.SortedFunc(maps.Keys(d.entries), schema.UUID.Compare) {
		switch e := d.inScope(uuid); {
		case e == nil:
		case cookie == "" || changed[uuid]:
			events = append(events, Event{Kind: Content, Entry: e})
		case d.presentPhase:
			events = append(events, Event{Kind: Present, UUIDs: []schema.UUID{uuid}})
		}
	}
	snapshot := cookie == "" || d.presentPhase
	for uuid := range changed {
		if !snapshot && d.inScope(uuid) == nil {
			events = append(events, Event{Kind: Gone, UUIDs: []schema.UUID{uuid}})
		}
	}
	return append(events, Event{Kind: RefreshEnd, Snapshot: snapshot, Cookie: []byte(cookieAt(at))}), at
}

func (d *directory) await(ctx context.Context, at, cuts int) ([]Event, int, error) {
	for {
		changed := d.news.wait()
		d.mu.Lock()
		events, end, cut := d.since(at), len(d.log), d.cuts
		d.mu.Unlock()
		switch {
		case cut != cuts:
			return nil, 0, errCut
		case len(events) > 0:
			return events, end, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (d *directory) since(at int) []Event {
	var events []Event
	for i, uuid := range d.log[at:] {
		event := Event{Kind: Gone, UUIDs: []schema.UUID{uuid}}
		if e := d.inScope(uuid); e != nil {
			event = Event{Kind: Content, Entry: e}
		}
		if !d.silent {
			event.Cookie = []byte(cookieAt(at + i + 1))
		}
		events = append(events, event)
	}
	return events
}

func (d *directory) Verify(_ context.Context, uuid schema.UUID, _ string) (Verdict, *schema.Entry, error) {
	d.mu.Lock()
	looked := d.looked
	d.looked = nil
	verdict, entry, err := d.look(uuid)
	d.mu.Unlock()
	if looked != nil {
		looked()
	}
	return verdict, entry, err
}

func (d *directory) look(uuid schema.UUID) (Verdict, *schema.Entry, error) {
	d.verified = append(d.verified, uuid)
	e := d.entries[uuid]
	switch {
	case d.verifyErr != nil:
		return Deleted, nil, d.verifyErr
	case e == nil:
		return Deleted, nil, nil
	case d.outside[uuid]:
		return OutOfScope, nil, nil
	default:
		return InScope, e, nil
	}
}

// Lacks says of hidden values that it does not know.
func (d *directory) Lacks(_ context.Context, dn, name, value string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.secret[name+"="+value], nil
}

func (d *directory) Position(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blank {
		return nil, d.positionErr
	}
	return []string{csnAt(len(d.log) - d.behind)}, d.positionErr
}

// target is a handler whose entries own their address. It notices when an address is taken from another.
type target struct {
	mu     sync.Mutex
	stores map[string]schema.UUID
	// calls are printed as "add u1 a@x", "change u1 a@x b@x", "remove u1 a@x", "aside u1 a@x".
	calls []string
	wrong []string
	// fail, when set, is asked before each call; after is asked when the effect is there.
	fail, after func(schema.Change) error
}

func newTarget() *target { return &target{stores: map[string]schema.UUID{}} }

func (t *target) Name() string { return "target" }

func (t *target) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

func (t *target) Claims(e *schema.Entry) []string {
	if strings.HasPrefix(e.First(schema.AttrPrimaryAddress), "bad") {
		return nil
	}
	return []string{e.First(schema.AttrPrimaryAddress)}
}

// Takes says that a removed or changed address takes mail away.
func (t *target) Takes(c schema.Change) bool {
	return c.Old != nil && (c.New == nil || c.New.First(schema.AttrPrimaryAddress) != c.Old.First(schema.AttrPrimaryAddress))
}

func (t *target) Apply(_ context.Context, c schema.Change) error { return t.act("", c) }

func (t *target) SetAside(_ context.Context, c schema.Change) error { return t.act("aside", c) }

func (t *target) act(verb string, c schema.Change) error {
	if t.fail != nil {
		if err := t.fail(c); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, describe(verb, c))
	if c.New != nil && t.Claims(c.New) == nil {
		return schema.Invalidf("%s: bad address", c.New.DN)
	}
	for r, owner := range t.stores {
		if owner == c.UUID && (c.New == nil || verb != "" || t.Claims(c.New)[0] != r) {
			delete(t.stores, r)
		}
	}
	if c.New != nil && verb == "" {
		r := t.Claims(c.New)[0]
		if owner, taken := t.stores[r]; taken && owner != c.UUID {
			t.wrong = append(t.wrong, fmt.Sprintf("%s: %s is owned by %s", describe(verb, c), r, owner))
		}
		t.stores[r] = c.UUID
	}
	if t.after != nil {
		return t.after(c)
	}
	return nil
}

func describe(verb string, c schema.Change) string {
	words := []string{verb, fmt.Sprintf("u%d", int(c.UUID[14])<<8+int(c.UUID[15]))}
	switch {
	case verb != "":
	case c.Old == nil:
		words[0] = "add"
	case c.New == nil:
		words[0] = "remove"
	default:
		words[0] = "change"
	}
	for _, e := range []*schema.Entry{c.Old, c.New} {
		if e != nil && (e != c.New || verb == "") {
			words = append(words, e.First(schema.AttrPrimaryAddress))
		}
	}
	return strings.Join(words, " ")
}

// taken returns the calls since the last time it was asked.
func (t *target) taken() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := t.calls
	t.calls = nil
	return calls
}

// rig is a listener with fakes around it, in a synctest bubble.
type rig struct {
	t      *testing.T
	dir    *directory
	target *target
	store  *store.Store
	config Config
	*Listener
	stop func()
}

func newRig(t *testing.T, entries ...*schema.Entry) *rig {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "listener.db"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: newDirectory(entries...), target: newTarget(), store: st, stop: func() {}}
	t.Cleanup(func() {
		r.stop()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		for _, wrong := range r.target.wrong {
			t.Error(wrong)
		}
	})
	r.config = Config{
		Store: st, Source: r.dir, Probe: r.dir, Handlers: []Handler{r.target}, Fingerprint: "f",
		InFilter: func(e *schema.Entry) bool { return e.HasClass(schema.ClassMail) },
		Guard:    func() (int, int) { return 0, 0 },
	}
	return r
}

// start runs a listener on the rig's store and waits until it has nothing to do.
func (r *rig) start() {
	r.t.Helper()
	r.stop()
	l, err := New(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Listener = l
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("Run: %v", err)
		}
		r.stop = func() {}
	}
	synctest.Wait()
}

// expectAny compares the calls since the last time, in whatever order they came.
func (r *rig) expectAny(want ...string) {
	r.t.Helper()
	synctest.Wait()
	if got := slices.Sorted(slices.Values(r.target.taken())); !slices.Equal(got, want) {
		r.t.Errorf("calls:\n got %q\nwant %q", got, want)
	}
}

// expect compares the calls since the last time.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	synctest.Wait()
	if got := r.target.taken(); !slices.Equal(got, want) {
		r.t.Errorf("calls:\n got %q\nwant %q", got, want)
	}
}

// marks lists the marks as "u1 parked reason".
func (r *rig) marks() []string {
	r.t.Helper()
	synctest.Wait()
	var list []string
	err := r.store.View(func(tx *store.Tx) error {
		for m := range tx.Handler("target").Marks() {
			class := []string{"ready", "retry", "paused", "parked", "held"}[m.Class]
			if m.Waits() {
				class = "waits"
			}
			list = append(list, fmt.Sprintf("u%d %s: %s", int(m.UUID[14])<<8+int(m.UUID[15]), class, m.Reason))
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) expectMarks(want ...string) {
	r.t.Helper()
	if got := r.marks(); !slices.Equal(got, want) {
		r.t.Errorf("marks:\n got %q\nwant %q", got, want)
	}
}
