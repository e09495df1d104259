package ds389

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// limit bounds each wait of these tests.
const limit = 20 * time.Second

// server is a directory that can go away and come back.
type server interface {
	URL() string
	Start()
	Stop()
	Kill()
}

// memory is a handler that remembers what it was told last of each entry.
type memory struct {
	mu  sync.Mutex
	has map[schema.UUID]*schema.Entry
}

func (*memory) Name() string               { return "memory" }
func (*memory) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }
func (*memory) Takes(c schema.Change) bool { return c.New == nil }

func (m *memory) Apply(_ context.Context, c schema.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.New == nil {
		delete(m.has, c.UUID)
		return nil
	}
	m.has[c.UUID] = c.New
	return nil
}

// knows reports whether the handler has an entry of that name.
func (m *memory) knows(dn string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.has {
		if e.DN == dn {
			return true
		}
	}
	return false
}

// rig follows a directory by a source.
type rig struct {
	t      *testing.T
	dir    *harness.Directory
	server server
	kind   provider.Kind
	// identity is what identifies the directory's entries.
	identity schema.Identity
	// base is what is followed.
	base string
	// watch takes the source's place, unless it is nil.
	watch func(*provider.Source) listener.Source

	store  string
	memory *memory
	source *provider.Source
	*listener.Listener
	stop func()
}

// account is how the listener reaches the directory.
func account(s server) connect.Server {
	return connect.Server{
		URLs: []string{s.URL()}, BindDN: harness.ListenerDN,
		Password: func() (string, error) { return harness.ListenerPassword, nil },
	}
}

// newRig follows at once, with changes to what is usual.
func newRig(t *testing.T, s server, dir *harness.Directory, kind provider.Kind, changes ...func(*provider.Config)) *rig {
	t.Helper()
	r := prepare(t, s, dir, kind)
	r.start(changes...)
	return r
}

// prepare returns a rig that has not begun.
func prepare(t *testing.T, s server, dir *harness.Directory, kind provider.Kind) *rig {
	t.Helper()
	r := &rig{
		t: t, dir: dir, server: s, kind: kind, store: filepath.Join(t.TempDir(), "listener.db"), base: harness.BaseDN,
		memory: &memory{has: map[schema.UUID]*schema.Entry{}}, identity: schema.EntryUUID, stop: func() {},
	}
	if _, ok := s.(*harness.DS389); ok {
		r.identity = schema.NSUniqueID
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// start begins to follow; a rig that has stopped goes on from its store.
func (r *rig) start(changes ...func(*provider.Config)) {
	r.t.Helper()
	scope := schema.Scope{Base: r.base}
	config := provider.Config{
		Server: account(r.server), Base: scope.Base, Filter: scope.Filter(), Selects: scope.Selects, Attributes: schema.Attributes(),
		Kind: r.kind, Interval: 50 * time.Millisecond, Compare: time.Hour,
	}
	for _, change := range changes {
		change(&config)
	}
	state, err := store.Open(r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	r.source, err = provider.New(config)
	if err != nil {
		r.t.Fatal(err)
	}
	asker, err := probe.New(probe.Config{Server: config.Server, Base: config.Base, URL: r.source.URL, Identity: r.source.Identity})
	if err != nil {
		r.t.Fatal(err)
	}
	var followed listener.Source = r.source
	if r.watch != nil {
		followed = r.watch(r.source)
	}
	r.Listener, err = listener.New(listener.Config{
		Store: state, Source: followed, Probe: asker, Handlers: []listener.Handler{r.memory}, Fingerprint: "test", URL: r.server.URL(),
		InFilter: scope.Selects, Guard: func() (int, int) { return 0, 0 }, // these stories delete much of little
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := errors.Join(<-done, asker.Close(), state.Close()); err != nil {
			r.t.Errorf("stopping: %v", err)
		}
		r.stop = func() {}
	}
}

// want is what the directory holds for the handler.
func (r *rig) want() map[schema.UUID]*schema.Entry {
	r.t.Helper()
	want := map[schema.UUID]*schema.Entry{}
	words := schema.Profile{}.Vocabulary(schema.Attributes(), r.identity)
	for _, e := range r.dir.Entries("(&(objectClass=univentionMail)(mailPrimaryAddress=*))", words.Ask...) {
		if strings.HasSuffix(e.DN, r.base) {
			want[e.UUID] = words.Entry(e.UUID, e.DN, e.Attrs)
		}
	}
	return want
}

// same returns how what the handler has differs from what it should have.
func (r *rig) same(want map[schema.UUID]*schema.Entry) string {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	// Passwords and their like are not read by the listener, and nobody asks for them.
	return cmp.Diff(want, r.memory.has)
}

// follows demands that the handler comes to what the directory holds, without being asked to refresh.
func (r *rig) follows(what string) {
	r.t.Helper()
	want := r.want()
	diff := ""
	for deadline := time.Now().Add(limit); ; {
		if diff = r.same(want); diff == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: %s (-directory +handler):\n%s", what, r.problems(), diff)
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-r.t.Context().Done():
			r.t.Fatal("the test is over")
		}
	}
}

// settles demands that the handler has what the directory holds once the listener has waited for it.
func (r *rig) settles(what string) {
	r.t.Helper()
	want := r.want()
	ctx, cancel := context.WithTimeout(r.t.Context(), limit)
	defer cancel()
	if _, err := r.Wait(ctx); err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	if diff := r.same(want); diff != "" {
		r.t.Fatalf("%s: %s (-directory +handler):\n%s", what, r.problems(), diff)
	}
}

// problems tells of the listener what may explain a failure.
func (r *rig) problems() string {
	status, err := r.Status(r.t.Context())
	parked, err2 := r.Parked(r.t.Context())
	if err := errors.Join(err, err2); err != nil {
		return err.Error()
	}
	reasons := slices.Clone(status.Reasons)
	for _, p := range parked {
		reasons = append(reasons, p.Reason)
	}
	held, _ := r.Held(r.t.Context())
	for _, h := range held {
		reasons = append(reasons, "held: "+h.Reason)
	}
	return status.Source.Kind + " " + status.Source.LastError + " " + strings.Join(reasons, "; ")
}
