package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// server is a Dovecot that looks at the table when it is asked, from the time stale on.
type server struct {
	root string
	mu   sync.Mutex
	// asked is what it was told, without the questions.
	asked []string
	// online are the users with a session.
	online map[string]bool
	// stale is for how many questions it goes by a former table, which is empty.
	stale int
	down  error
}

func (s *server) tell(verb string, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	s.asked = append(s.asked, strings.TrimSpace(verb+" "+strings.Join(names, " ")))
	return nil
}

func (s *server) Flush(_ context.Context, names ...string) error { return s.tell("flush", names) }

func (s *server) Kick(_ context.Context, users ...string) error {
	if len(users) == 0 {
		return nil
	}
	for _, user := range users {
		delete(s.online, user)
	}
	return s.tell("kick", users)
}

func (s *server) Sessions(context.Context) (list []dovecot.Session, err error) {
	for _, user := range slices.Sorted(maps.Keys(s.online)) {
		list = append(list, dovecot.Session{User: user, Protocol: "imap"})
	}
	return list, s.down
}

func (s *server) Admits(_ context.Context, names ...string) ([]dovecot.Answer, error) {
	table, err := Blocked(s.root)
	if s.stale > 0 {
		table = nil
		s.stale--
	}
	answers := make([]dovecot.Answer, len(names))
	for i, name := range names {
		answers[i] = dovecot.Admitted
		for _, blocked := range table {
			if slices.Contains(blocked, name) {
				answers[i] = dovecot.Refused
			}
		}
	}
	return answers, err
}

// rig is a handler with a server, and what it has said of its effects.
type rig struct {
	*Handler
	t      *testing.T
	server *server
	now    time.Time
	took   []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	root := t.TempDir()
	etc := filepath.Join(root, "etc/mailreg")
	text := "# mailreg layer file 1: base.conf\ndomainname: x.test\nhostname: mail1\n# end of base.conf\n"
	if err := errors.Join(os.MkdirAll(etc, 0o755), os.WriteFile(filepath.Join(etc, "base.conf"), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	reg := registry.Open(root)
	r := &rig{t: t, server: &server{root: root, online: map[string]bool{}}, now: clock}
	r.Handler = New(Config{
		Root: root, View: reg.View, Server: r.server, Now: func() time.Time { return r.now },
		Took: func(effect Effect, took time.Duration) { r.took = append(r.took, fmt.Sprint(effect, " ", took)) },
	})
	return r
}

// do applies changes and flushes, twice: the second time nothing else may come of it.
func (r *rig) do(changes ...schema.Change) {
	r.t.Helper()
	for range 2 {
		for _, c := range changes {
			if err := r.Apply(r.t.Context(), c); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := r.Flush(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

func change(old, new *schema.Entry) schema.Change {
	if new != nil {
		return schema.Change{UUID: new.UUID, Old: old, New: new}
	}
	return schema.Change{UUID: old.UUID, Old: old}
}

func (r *rig) table(want ...string) {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.cfg.Root, "var/lib/mailreg/dovecot/blocked"))
	var names []string
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	if diff := cmp.Diff(want, names); diff != "" || err != nil && len(want) > 0 {
		r.t.Errorf("%v: table (-want +got):\n%s", err, diff)
	}
}

func (r *rig) asked(want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.server.asked); diff != "" {
		r.t.Errorf("asked (-want +got):\n%s", diff)
	}
	r.server.asked = nil
}

func TestClose(t *testing.T) {
	r := newRig(t)
	anna, closed := entry(1, "anna", "anna@x.test"), entry(1, "anna", "anna@x.test", "shadowExpire", "1", "entryCSN", "20261124115959.750000Z#0#0#0")
	r.server.online["anna@x.test"], r.server.online["ben@x.test"] = true, true
	r.do(change(anna, closed))
	r.table("anna@x.test", "anna")
	r.asked("flush anna anna@x.test", "kick anna@x.test", "flush anna anna@x.test")
	if diff := cmp.Diff([]string{"closed 250ms", "closed 250ms"}, r.took); diff != "" {
		t.Error(diff)
	}
	r.do(change(closed, anna))
	r.table()
	r.asked("flush anna anna@x.test", "flush anna anna@x.test")
	r.do(change(anna, nil))
	r.asked("flush anna anna@x.test", "flush anna anna@x.test")
	if len(r.server.online) != 1 {
		t.Errorf("online: %v", r.server.online)
	}
}

// TestStaleTable proves that the handler does not take a server's word that has not looked at the table yet.
func TestStaleTable(t *testing.T) {
	r := newRig(t)
	anna, closed := entry(1, "anna", "anna@x.test"), entry(1, "anna", "anna@x.test", "shadowExpire", "1")
	r.server.stale = 1
	if err := r.Apply(t.Context(), change(anna, closed)); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.asked("flush anna anna@x.test", "flush anna anna@x.test")
	// One that never looks is told of, and tried again.
	r.server.stale = 1000
	if err := r.Apply(t.Context(), change(anna, closed)); err != nil {
		t.Fatal(err)
	}
	err := r.Flush(t.Context())
	faults, ok := errors.AsType[schema.Faults](err)
	if !ok || !errors.Is(faults[anna.UUID], schema.ErrTemporary) || !strings.Contains(err.Error(), "uid=anna") {
		t.Errorf("error %v", err)
	}
}

func TestServerDown(t *testing.T) {
	r := newRig(t)
	r.server.down = &schema.TargetDown{Target: "dovecot", Err: errors.New("no answer")}
	if err := r.Apply(t.Context(), change(nil, entry(1, "anna", "anna@x.test", "shadowExpire", "1"))); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); !errors.As(err, new(*schema.TargetDown)) {
		t.Errorf("error %v", err)
	}
	r.table("anna@x.test", "anna") // it stands there for when the server is up
}

// TestBurst proves that many changes cost few calls.
func TestBurst(t *testing.T) {
	r := newRig(t)
	for n := range 250 {
		e := entry(n, fmt.Sprintf("u%d", n), fmt.Sprintf("u%d@y.test", n))
		if err := r.Apply(t.Context(), change(e, e)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := r.server.asked; len(calls) != 1 || strings.Count(calls[0], " ") != 500 {
		t.Errorf("calls %d", len(calls))
	}
	r.server.asked = nil
	for n := range 251 {
		e := entry(n, fmt.Sprintf("u%d", n), fmt.Sprintf("u%d@y.test", n))
		if err := r.Apply(t.Context(), change(e, e)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.asked("flush")
}

func TestReconcile(t *testing.T) {
	r := newRig(t)
	anna, ben := entry(1, "anna", "anna@x.test", "shadowExpire", "1"), entry(2, "ben", "ben@x.test", "shadowExpire", "1")
	r.do(change(nil, anna), change(nil, ben))
	r.server.asked = nil
	opened := entry(2, "ben", "ben@x.test")
	carl := entry(3, "carl", "carl@x.test", "krb5ValidEnd", "20261124120000Z")
	r.server.online["carl@x.test"] = true
	for range 2 { // the second time there is nothing to do
		if err := r.Reconcile(t.Context(), slices.Values([]*schema.Entry{anna, opened, carl})); err != nil {
			t.Fatal(err)
		}
	}
	r.table("anna@x.test", "anna", "carl@x.test", "carl")
	r.asked("flush ben ben@x.test carl carl@x.test", "kick carl@x.test")
}

func TestTakes(t *testing.T) {
	r := newRig(t)
	anna, closed := entry(1, "anna", "anna@x.test"), entry(1, "anna", "anna@x.test", "krb5ValidEnd", "20261124120000Z")
	later := entry(1, "anna", "anna@x.test", "krb5ValidEnd", "20261124120001Z")
	for name, tt := range map[string]struct {
		change schema.Change
		want   bool
	}{
		"closed":  {change(anna, closed), true},
		"expires": {change(anna, later), false},
		"opened":  {change(closed, anna), false},
		"gone":    {change(anna, nil), false},
	} {
		if got := r.Takes(tt.change); got != tt.want {
			t.Errorf("%s: takes %t", name, got)
		}
	}
	r.now = clock.Add(time.Second)
	if !r.Takes(change(later, later)) {
		t.Error("an expiry takes nothing")
	}
	r.do(change(later, later))
	if r.Takes(change(later, closed)) {
		t.Error("who is blocked loses something")
	}
	if at := r.Wake(later, clock); !at.Equal(clock.Add(time.Second)) {
		t.Errorf("due at %v", at)
	}
	if at := r.Wake(later, clock.Add(time.Second)); !at.IsZero() {
		t.Errorf("due again at %v", at)
	}
}

// TestSpared: what a person has rejected stays as it was, whether that was open or closed.
func TestSpared(t *testing.T) {
	r := newRig(t)
	anna, ben := entry(1, "anna", "anna@x.test", "shadowExpire", "1"), entry(2, "ben", "ben@x.test", "shadowExpire", "1")
	r.do(change(nil, anna))
	r.Spare(map[schema.UUID]bool{anna.UUID: true, ben.UUID: true})
	if err := r.Reconcile(t.Context(), slices.Values([]*schema.Entry{entry(1, "anna", "anna@x.test"), ben})); err != nil {
		t.Fatal(err)
	}
	r.table("anna@x.test", "anna")
	r.Spare(nil)
	if err := r.Reconcile(t.Context(), slices.Values([]*schema.Entry{entry(1, "anna", "anna@x.test"), ben})); err != nil {
		t.Fatal(err)
	}
	r.table("ben@x.test", "ben")
}

// TestBadData proves that what can be read counts, and that the rest is told.
func TestBadData(t *testing.T) {
	r := newRig(t)
	bad := entry(1, "anna", "anna@x.test", "shadowExpire", "1", "krb5KDCFlags", "many")
	if err := r.Apply(t.Context(), change(nil, bad)); !errors.Is(err, schema.ErrPartly) || !strings.Contains(err.Error(), "krb5KDCFlags") {
		t.Errorf("error %v", err)
	}
	r.table("anna@x.test", "anna")
	// An address that is none ends access by the former one.
	r.server.online["ben@x.test"] = true
	if err := errors.Join(r.Apply(t.Context(), change(entry(2, "ben", "ben@x.test"), entry(2, "ben", "ben"))), r.Flush(t.Context())); err != nil {
		t.Errorf("what handler mailbox tells is told twice: %v", err)
	}
	r.asked("flush anna anna@x.test", "flush ben ben@x.test", "kick ben@x.test")
}
