package listener

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// step is one thing that happens to a listener; a and b pick entries or addresses.
type step struct {
	Op   string
	A, B int
}

var ops = []string{
	"set", "set", "set", "clear", "delete", "swap", "rotate", "hide", "show", "touch", "bad",
	"cut", "forget", "present", "wait", "wait", "quiet", "hour",
	"crash", "crash", "restart", "fail", "lose", "down", "blind", "heal", "disk", "retry", "resync", "audit",
	"pause", "resume", "jump", "back", "staging", "staging", "run", "hang", "guard", "approve", "minutes", "undelete", "undelete", "slow",
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(ops).Draw(t, "op"), rapid.IntRange(1, 5).Draw(t, "a"), rapid.IntRange(1, 5).Draw(t, "b")}
	}), 1, 40)
}

// world is a directory, a target, and listeners that come and go.
type world struct {
	dir    *directory
	target *target
	store  *store.Store
	guard  *atomic.Int64
	// wrong is what was found to be wrong: rapid looks for a shorter way to it.
	wrong []string
	// faults is what the next calls do: fail before the effect, or lose the answer after it.
	mu              sync.Mutex
	failing, losing map[schema.UUID]bool
	down            map[string]bool
	slow            bool
	// hanging calls wait for released to be closed; life counts the listeners, for what an earlier one has left behind is dead.
	hanging  map[schema.UUID]bool
	released chan struct{}
	life     int
	// skew is how much the wall clock is wrong, in nanoseconds.
	skew     *atomic.Int64
	deleted  map[schema.UUID]*schema.Entry
	listener *Listener
	stop     func()
	// dead makes every transaction of the running listener fail, as if the process had ended; crashIn counts down to it.
	dead       *atomic.Bool
	crashIn    *atomic.Int64
	crashAfter bool
	version    int
	// more are further handlers, unless without is set; see is asked at each transaction as well.
	more    []Handler
	without bool
	// first is what stands before the target, nil for nothing.
	first func(*target) Handler
	// staging makes the next listeners plan only.
	staging atomic.Bool
	see     func(committed bool) error
}

var errDead = errors.New("the process is dead")

func (w *world) errorf(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

func newWorld(path string) *world { return newWorldWith(path, func(*world) {}) }

func newWorldWith(path string, change func(*world)) *world {
	st, err := store.Open(path)
	if err != nil {
		panic(err)
	}
	w := &world{
		// One entry stays for ever: a refresh without any is not believed, which is a story of its own.
		dir: newDirectory(user(9, "stays")), target: newTarget(), store: st, guard: &atomic.Int64{},
		deleted: map[schema.UUID]*schema.Entry{}, failing: map[schema.UUID]bool{}, losing: map[schema.UUID]bool{},
		dead: &atomic.Bool{}, see: func(bool) error { return nil },
		hanging: map[schema.UUID]bool{}, released: make(chan struct{}),
		down: map[string]bool{}, skew: &atomic.Int64{},
	}
	change(w)
	w.target.fail = func(c schema.Change) error {
		if w.staging.Load() {
			w.fault(func() { w.errorf("called in staging: %s", describe("", c)) })
		}
		w.mu.Lock()
		slow, life, hangs, released := w.slow, w.life, w.hanging[c.UUID], w.released
		w.mu.Unlock()
		if hangs {
			<-released
		}
		if slow {
			time.Sleep(time.Duration(c.UUID[15]) * time.Second)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch t := serverOf(c.UUID); {
		case life != w.life:
			return errDead
		case w.down[t]:
			return &schema.TargetDown{Target: t, Err: errCut}
		case w.failing[c.UUID]:
			return errors.New("failing")
		}
		return nil
	}
	w.target.after = func(c schema.Change) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.losing[c.UUID] {
			return errors.New("answer lost")
		}
		return nil
	}
	w.start()
	return w
}

// serverOf says which of two targets has an entry's store.
func serverOf(uuid schema.UUID) string { return fmt.Sprintf("t%d", uuid[15]%2) }

func (w *world) start() {
	w.fault(func() { w.life++ })
	dead, crashIn := &atomic.Bool{}, &atomic.Int64{}
	w.dead, w.crashIn = dead, crashIn
	after := w.crashAfter
	handlers := []Handler{w.target}
	if w.first != nil {
		handlers[0] = w.first(w.target)
	}
	if !w.without {
		handlers = append(handlers, w.more...)
	}
	l, err := New(Config{
		Staging: w.staging.Load(),
		Store:   w.store, Source: w.dir, Probe: w.dir, Handlers: handlers, Fingerprint: "f",
		InFilter: func(e *schema.Entry) bool { return e.HasClass(schema.ClassMail) },
		Guard:    func() (int, int) { return int(w.guard.Load()), 0 },
		Now:      func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) },
		fault: func(committed bool) error {
			if !dead.Load() && committed == after && crashIn.Load() > 0 && crashIn.Add(-1) == 0 {
				dead.Store(true)
			}
			if dead.Load() {
				return errDead
			}
			return w.see(committed)
		},
	})
	if errors.Is(err, errDead) {
		w.start() // the process has ended at its start, and is started again
		return
	}
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	w.listener = l
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.errorf("Run: %v", err)
		}
	}
}

func (w *world) set(n int, address string) {
	w.version++
	w.dir.set(user(n, address, attr("version", fmt.Sprint(w.version))))
}

func (w *world) address(n int) string {
	if e := w.dir.entries[id(n)]; e != nil {
		return e.First(schema.AttrPrimaryAddress)
	}
	return ""
}

func (w *world) do(s step) {
	switch s.Op {
	case "set":
		w.set(s.A, fmt.Sprintf("a%d", s.B))
	case "clear":
		w.set(s.A, "")
	case "touch":
		w.set(s.A, w.address(s.A))
	case "due": // by itself, in a minute
		w.dir.set(user(s.A, w.address(s.A), attr("due", time.Now().Add(time.Minute).Format(time.RFC3339Nano))))
	case "bad":
		w.set(s.A, "bad")
	case "delete":
		if e := w.dir.entries[id(s.A)]; e != nil {
			w.deleted[id(s.A)] = e
		}
		w.dir.delete(id(s.A))
	case "undelete":
		if e := w.deleted[id(s.A)]; e != nil {
			w.dir.set(e)
		}
	case "slow":
		w.fault(func() { w.slow = !w.slow })
	case "swap":
		a, b := w.address(s.A), w.address(s.B)
		w.set(s.A, b)
		w.set(s.B, a)
	case "rotate":
		a, b, c := w.address(1), w.address(2), w.address(3)
		w.set(1, b)
		w.set(2, c)
		w.set(3, a)
	case "hide", "show":
		if w.dir.entries[id(s.A)] != nil {
			w.dir.hide(id(s.A), s.Op == "hide")
		}
	case "cut":
		w.dir.cut()
	case "forget":
		w.dir.change(func() { w.dir.pretend = func(context.Context, func(Event, error) bool) error { return ErrCookie } })
		w.dir.cut()
		synctest.Wait()
		w.dir.change(func() { w.dir.pretend = nil })
	case "present":
		w.dir.change(func() { w.dir.presentPhase = !w.dir.presentPhase })
	case "wait":
		synctest.Wait()
	case "quiet":
		time.Sleep(2 * time.Second)
	case "guard":
		w.guard.Store(1 - w.guard.Load())
	case "approve":
		w.approve()
	case "reject":
		w.reject()
	case "drop":
		w.drop()
	case "pause":
		w.must(nil, w.listener.Pause(context.Background(), "target"))
	case "resume":
		w.must(nil, w.listener.Resume(context.Background(), "target"))
	case "without", "with":
		w.stop()
		w.without = s.Op == "without"
		w.start()
	case "forget handler":
		w.must(nil, w.listener.Forget(context.Background(), "ledger"))
	case "minutes":
		time.Sleep(3 * time.Minute)
	case "hour":
		time.Sleep(time.Hour)
	case "crash":
		w.crashAfter = s.B%2 == 0
		w.dead.Store(false)
		w.crashIn.Store(int64(s.A))
		synctest.Wait()
		w.dead.Store(true)
		w.stop()
		w.start()
	case "restart":
		w.stop()
		w.start()
	case "fail":
		w.fault(func() { w.failing[id(s.A)] = true })
	case "lose":
		w.fault(func() { w.losing[id(s.A)] = true })
	case "down":
		w.fault(func() { w.down[serverOf(id(s.A))] = true })
	case "hang":
		w.fault(func() { w.hanging[id(s.A)] = true })
	case "blind":
		w.dir.change(func() { w.dir.verifyErr = errCut })
	case "disk":
		w.dead.Store(true)
		time.Sleep(2 * time.Second)
		w.dead.Store(false)
	case "staging", "run":
		w.stop()
		w.staging.Store(s.Op == "staging")
		w.start()
		if w.staging.Load() {
			_, err := w.listener.Planned(context.Background())
			w.must(nil, err)
		}
	case "jump":
		w.skew.Add(int64(time.Duration(s.A) * 17 * time.Minute))
	case "back":
		w.skew.Add(-int64(time.Duration(s.A) * 23 * time.Minute))
	case "heal":
		w.heal()
	case "retry":
		w.must(w.listener.Retry(context.Background(), ""))
	case "slip": // of which the provider tells nobody
		w.dir.change(func() {
			if e := w.dir.entries[id(s.A)]; e != nil {
				slipped := *e
				slipped.DN += ",ou=slipped"
				w.dir.entries[id(s.A)] = &slipped
			}
		})
	case "audit":
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, _ = w.listener.Audit(ctx, control.AuditRequest{}) // one that fails has changed nothing
	case "reload":
		_, _ = w.listener.Resync(context.Background(), control.ResyncRequest{ // while the directory is down it is refused
			Handler: "target", Reload: true, Selection: control.Selection{UUID: id(s.A).String()},
		})
	case "spoil":
		for _, h := range w.more {
			if book, ok := h.(*ledger); ok {
				book.mu.Lock()
				delete(book.lines, id(s.A))
				book.mu.Unlock()
			}
		}
	case "repair":
		w.must(w.listener.Diff(context.Background(), control.DiffRequest{Handler: "ledger", Repair: true}))
	case "day":
		time.Sleep(25 * time.Hour)
	case "resync":
		w.must(w.listener.Resync(context.Background(), control.ResyncRequest{Handler: "target"}))
	}
}

// must is for calls that fail only when the store or the directory does.
func (w *world) must(_ any, err error) {
	if err != nil && !errors.Is(err, errCut) && !errors.Is(err, errDead) {
		w.errorf("%v", err)
	}
}

func (w *world) fault(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

func (w *world) heal() {
	w.fault(func() {
		clear(w.failing)
		clear(w.losing)
		clear(w.down)
		clear(w.hanging)
		close(w.released)
		w.released = make(chan struct{})
		w.slow = false
	})
	w.dir.change(func() { w.dir.verifyErr = nil })
}

// approve lets run all that is held, and reports whether there was anything.
func (w *world) approve() bool {
	list, err := w.listener.Held(context.Background())
	w.must(nil, err)
	for _, h := range list {
		if h.Reason == "" || h.Handler != "target" {
			w.errorf("held %+v", h)
		}
		w.decide(h.ID, w.listener.Approve)
	}
	return len(list) > 0
}

// reject lets nothing run that is held, and drop nothing that is parked.
func (w *world) reject() {
	list, err := w.listener.Held(context.Background())
	w.must(nil, err)
	for _, h := range list {
		w.decide(h.ID, w.listener.Reject)
	}
}

// decide takes an error about a batch that is still there for wrong. One may have dissolved since it was listed: what is
// decided about another one lets its changes go on. Who is told that a call is under way does what the message says.
func (w *world) decide(batch string, way func(context.Context, string) (int, error)) {
	_, err := way(context.Background(), batch)
	if errors.Is(err, errEngaged) {
		synctest.Wait()
		_, err = way(context.Background(), batch)
	}
	list, err2 := w.listener.Held(context.Background())
	w.must(nil, err2)
	if err != nil && slices.ContainsFunc(list, func(h control.Held) bool { return h.ID == batch }) {
		w.must(nil, err)
	}
}

func (w *world) drop() {
	list, err := w.listener.Parked(context.Background())
	w.must(nil, err)
	for _, p := range list {
		w.must(nil, w.listener.Drop(context.Background(), p.ID))
	}
}

// settle takes all faults away and gives the listener the time it needs.
func (w *world) settle() {
	w.heal()
	w.dead.Store(false)
	if w.staging.Load() {
		w.do(step{Op: "run"})
	}
	w.must(nil, w.listener.Resume(context.Background(), "target"))
	time.Sleep(3 * time.Minute)
	list, err := w.listener.Parked(context.Background())
	w.must(nil, err)
	for _, p := range list {
		if p.Attempts > 0 {
			w.must(w.listener.Retry(context.Background(), p.ID))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	w.must(w.listener.Wait(ctx))
	for w.approve() {
		w.must(w.listener.Wait(ctx))
	}
	synctest.Wait()
}

// check compares what the handler has acknowledged, and what is on the target, with the directory.
func (w *world) check() {
	err := w.store.View(func(tx *store.Tx) error {
		h := tx.Handler("target")
		for n := 1; n <= 5; n++ {
			w.checkEntry(tx, h, n)
		}
		for uuid := range h.AckedIDs() {
			for _, r := range h.Acked(uuid).Claims {
				if owner, _ := h.Owner(r); owner != uuid {
					w.errorf("%s is owned by %s, acknowledged for %s", r, owner, uuid)
				}
			}
		}
		for r, uuid := range w.target.stores {
			m, _ := h.Mark(uuid)
			if owner, _ := h.Owner(r); owner != uuid && !has(m, r) {
				w.errorf("%s has %s, which belongs to %s", uuid, r, owner)
			}
		}
		return nil
	})
	if err != nil {
		w.errorf("%v", err)
	}
	for _, wrong := range w.target.wrong {
		w.errorf("%s", wrong)
	}
}

func (w *world) checkEntry(tx *store.Tx, h *store.Handler, n int) {
	m, dirty := h.Mark(id(n))
	acked := h.Acked(id(n)).Entry
	here := w.dir.inScope(id(n))
	want := here
	if !schema.IsMailbox(want) {
		want = nil
	}
	if got := tx.Entry(id(n)); !got.Equal(here) {
		w.errorf("u%d: the replica has %v, the directory %v", n, got, here)
	}
	address := ""
	if want != nil {
		address = want.First(schema.AttrPrimaryAddress)
	}
	switch {
	case !dirty && !acked.Equal(want):
		w.errorf("u%d: acknowledged %v, the directory has %v, and no mark", n, acked, want)
	case !dirty && want != nil && w.target.stores[address] != id(n):
		w.errorf("u%d: no store at %s: %v", n, address, w.target.stores)
	case dirty && m.Class != store.Parked:
		w.errorf("u%d: left with %+v", n, m)
	case dirty && w.dir.outside[id(n)] && strings.HasPrefix(m.Reason, "out of scope"):
	case dirty && address == "bad":
	case dirty && (want == nil || !w.contested(h, n, address)):
		w.errorf("u%d: parked without need: %+v", n, m)
	}
}

func has(m store.Mark, resource string) bool {
	_, tried := trials(m)[resource]
	return tried
}

// contested reports whether another living entry claims an address, or one that is parked has it still or perhaps.
func (w *world) contested(h *store.Handler, n int, address string) bool {
	for i := 1; i <= 5; i++ {
		m, _ := h.Mark(id(i))
		if i != n && (w.address(i) == address || w.target.stores[address] == id(i) || has(m, address)) {
			return true
		}
	}
	return false
}

func TestModel(t *testing.T) {
	dir := memoryDir(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		list := steps().Draw(rt, "steps")
		run++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", run))
		var wrong []string
		synctest.Test(t, func(*testing.T) {
			w := newWorld(path)
			for _, s := range list {
				w.do(s)
			}
			w.settle()
			w.stop()
			w.check()
			if err := w.store.Close(); err != nil {
				w.errorf("%v", err)
			}
			wrong = w.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%v\n%s", list, strings.Join(wrong, "\n"))
		}
	})
}
