package model_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

var (
	members = flag.Int("scale.members", 10000, "the number of members of the group of TestLargeGroup")
	writes  = flag.Int("scale.writes", 100, "how often TestLargeGroup changes the group, and a tenth of how often the others write")
)

// recorder is a handler that remembers the last state of each entry and counts its calls, each of which takes some time.
type recorder struct {
	pause time.Duration

	mu    sync.Mutex
	calls int
	last  map[schema.UUID]*schema.Entry
}

func (*recorder) Name() string             { return "recorder" }
func (*recorder) Match(*schema.Entry) bool { return true }

func (r *recorder) Apply(ctx context.Context, c schema.Change) error {
	r.mu.Lock()
	pause := r.pause
	r.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause): // that is how slow it is
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.last[c.UUID] = c.New
	return nil
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// scale is a listener in the test's own process, with one handler.
type scale struct {
	*listener.Listener
	t     *testing.T
	slapd *harness.Slapd
	rec   *recorder
	store *store.Store
	names []string
}

func newScale(t *testing.T, slapd *harness.Slapd, rec *recorder, filter string, names ...string) *scale {
	t.Helper()
	rec.last = map[schema.UUID]*schema.Entry{}
	names = append(names, "objectClass", "entryUUID", "entryCSN", "createTimestamp")
	server := connect.Server{
		URLs: []string{slapd.URL()}, StartTLS: connect.No, BindDN: harness.ListenerDN,
		Password: func() (string, error) { return harness.ListenerPassword, nil },
	}
	source, err := syncrepl.New(syncrepl.Config{Server: server, Base: inside, Filter: filter, Attributes: names})
	if err != nil {
		t.Fatal(err)
	}
	asker, err := probe.New(probe.Config{Server: server, Base: inside, Attributes: names, URL: source.URL})
	if err != nil {
		t.Fatal(err)
	}
	state, err := store.Open(filepath.Join(t.TempDir(), "listener.db"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := listener.New(listener.Config{Store: state, Source: source, Probe: asker, Handlers: []listener.Handler{rec}, Grace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := asker.Close(); err != nil {
			t.Error(err)
		}
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	return &scale{Listener: l, t: t, slapd: slapd, rec: rec, store: state, names: names}
}

// settle waits until the handler has done everything.
func (s *scale) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := s.Wait(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// checkSame demands that the handler has last seen what the directory holds.
func (s *scale) checkSame(filter string) {
	s.t.Helper()
	want := map[schema.UUID]*schema.Entry{}
	for _, e := range s.slapd.Entries(filter, s.names...) {
		want[e.UUID] = e
	}
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	for uuid, e := range s.rec.last {
		if !e.Equal(want[uuid]) {
			s.t.Errorf("the handler has last seen %.300v, the directory has %.300v", e, want[uuid])
		}
		delete(want, uuid)
	}
	if len(want) > 0 {
		s.t.Errorf("%d entries were never seen", len(want))
	}
}

// peak runs something and returns by how much the heap has grown at most meanwhile, in bytes.
func peak(fn func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base, highest := m.HeapInuse, m.HeapInuse
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return highest - base
		case <-tick.C:
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapInuse)
		}
	}
}

// TestLargeGroup proves that changes to a large entry coalesce while its handler is at work, and that memory holds a few of
// its states, not one for each change.
func TestLargeGroup(t *testing.T) {
	var ldif strings.Builder
	ldif.WriteString(folders + "dn: cn=all,ou=inside,dc=example,dc=test\nobjectClass: groupOfNames\ncn: all\n")
	for n := range *members {
		fmt.Fprintf(&ldif, "member: uid=person%05d,ou=people,dc=example,dc=test\n", n)
	}
	size := ldif.Len()
	slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
		c.LDIF = ldif.String()
		c.Global = []string{"sortvals member"}
	})
	const filter = "(objectClass=groupOfNames)"
	s := newScale(t, slapd, &recorder{pause: 100 * time.Millisecond}, filter, "member", "cn")
	s.settle()
	before := s.rec.count()
	begun := time.Now()
	grown := peak(func() {
		for n := range *writes {
			request := ldap.NewModifyRequest("cn=all,"+inside, nil)
			request.Add("member", []string{fmt.Sprintf("uid=new%05d,%s", n, harness.PeopleDN)})
			if err := slapd.Conn.Modify(request); err != nil {
				t.Error(err)
			}
		}
		s.settle()
	})
	calls, took := s.rec.count()-before, time.Since(begun)
	t.Logf("%d changes of an entry of %d KB in %s: %d calls, the heap grew by %d KB", *writes, size>>10, took, calls, grown>>10)
	if limit := int(took/(100*time.Millisecond)) + 2; calls > limit || calls >= *writes {
		t.Errorf("%d calls for %d changes in %s", calls, *writes, took)
	}
	// A value in memory needs more than its characters; a message is there in its bytes as well.
	if limit := uint64(40*size + 64<<20); grown > limit {
		t.Errorf("the heap has grown by %d KB, more than %d KB", grown>>10, limit>>10)
	}
	s.checkSame(filter)
}

// TestOneBusyEntry proves that an entry that changes all the time is called for as often as the handler can, and ends in
// the right state.
func TestOneBusyEntry(t *testing.T) {
	t.Parallel()
	slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = folders })
	const filter = "(objectClass=inetOrgPerson)"
	newPeople(slapd).create("uid=busy,"+inside, "busy@example.test")
	s := newScale(t, slapd, &recorder{pause: 50 * time.Millisecond}, filter, "mailPrimaryAddress")
	s.settle()
	before, begun := s.rec.count(), time.Now()
	tick := time.NewTicker(5 * time.Millisecond) // 200 a second
	defer tick.Stop()
	for n := range 5 * *writes {
		<-tick.C
		slapd.SetMail("uid=busy,"+inside, fmt.Sprintf("busy%d@example.test", n))
	}
	s.settle()
	calls, took := s.rec.count()-before, time.Since(begun)
	t.Logf("%d changes in %s: %d calls", 5**writes, took, calls)
	if limit := int(took/(50*time.Millisecond)) + 2; calls > limit {
		t.Errorf("%d calls in %s", calls, took)
	}
	s.checkSame(filter)
}

// TestWriters proves that nothing is lost when several clients write as fast as they can, nor when the handler is far too
// slow for them: then the replica keeps up all the same, and the status tells what is left to do.
func TestWriters(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow=%v", slow), func(t *testing.T) {
			slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = folders })
			const filter, writers, each = "(objectClass=inetOrgPerson)", 4, 20
			p := newPeople(slapd)
			for n := range writers * each {
				p.create(fmt.Sprintf("uid=w%d,%s", n, inside), fmt.Sprintf("w%d@example.test", n))
			}
			rec := &recorder{}
			s := newScale(t, slapd, rec, filter, "mailPrimaryAddress")
			s.settle()
			if slow {
				rec.pause = time.Second
			}
			writeAll(t, slapd, writers, each)
			if slow {
				s.checkLag(filter, writers*each)
				rec.mu.Lock()
				rec.pause = 0
				rec.mu.Unlock()
			}
			s.settle()
			s.checkSame(filter)
		})
	}
}

// writeAll lets ldapmodify processes write side by side, each to entries of its own.
func writeAll(t *testing.T, slapd *harness.Slapd, writers, each int) {
	t.Helper()
	var all sync.WaitGroup
	for w := range writers {
		var ldif strings.Builder
		for n := range 10 * *writes / writers {
			fmt.Fprintf(&ldif, "dn: uid=w%d,%s\nchangetype: modify\nreplace: mailPrimaryAddress\nmailPrimaryAddress: w%d.%d@example.test\n\n",
				w*each+n%each, inside, w, n)
		}
		all.Go(func() { slapd.LDIF(ldif.String()) })
	}
	all.Wait()
}

// checkLag demands that the replica comes to what the directory has while the handler has not, and that the status says how
// much it has still to do.
func (s *scale) checkLag(filter string, entries int) {
	s.t.Helper()
	want := map[schema.UUID]*schema.Entry{}
	for _, e := range s.slapd.Entries(filter, s.names...) {
		want[e.UUID] = e
	}
	var diff string
	harness.Await(s.t, "the replica", func() bool {
		got := map[schema.UUID]*schema.Entry{}
		err := s.store.View(func(tx *store.Tx) error {
			for e := range tx.Entries(schema.UUID{}) {
				got[e.UUID] = e
			}
			return nil
		})
		diff = cmp.Diff(want, got)
		return err == nil && diff == ""
	})
	status, err := s.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	done := 0
	for uuid, e := range s.rec.last {
		if e.Equal(want[uuid]) {
			done++
		}
	}
	if pending := status.Handlers[0].Pending; pending < entries-done-10 || pending > entries {
		s.t.Errorf("the status says that %d are pending; %d of %d are done", pending, done, entries)
	}
}
