package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/liveness"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Config says what a Listener works with. Store, Source, Probe and Handlers must be set; the zero values of the rest do.
type Config struct {
	// Store is open and stays open until Run has returned; whoever opened it closes it.
	Store    *store.Store
	Source   Source
	Probe    Probe
	Handlers []Handler
	// Fingerprint is what a cookie is bound to: base, scope, filter, attributes, bind identity and identity attribute in one
	// string, and the url unless the source is a Connecter, which says itself what it has reached. When it differs from the
	// stored one, everything is loaded anew; the replica stays.
	Fingerprint string
	// Kind and URL of the source are for the status. A Connecter's own url is shown once it is known.
	Kind, URL string
	// InFilter reports whether the source's filter selects an entry. Nil: when a handler matches it.
	InFilter func(*schema.Entry) bool
	// Guard returns the limits of the brake (mailreg/guard/count and percent). Nil: 20 and 5.
	Guard func() (count, percent int)
	// ReadyLag returns the age from which work makes the listener unready (mailreg/ready/lag). Nil: 60 s.
	ReadyLag func() time.Duration
	// Notes returns what Status is to tell a person beside the listener's own state. Nil: nothing.
	Notes func() []string
	// Staging makes the listener follow and plan only: no handler is called, and nothing is acknowledged.
	Staging bool
	// Mover moves mail between hosts. Nil: none is moved.
	Mover Mover
	// Stores is asked for mail stores. Nil: who wants to know of them sees them without.
	Stores StoreKeeper
	// Advise looks at the directory server for what its administrator should change. Nil: it is not looked at.
	Advise func(context.Context) ([]control.Advice, error)
	// Audit says when the replica is compared with the whole directory. Nil: never by the clock.
	Audit func() audit.Schedule
	// Backup makes a copy of the store and returns its path. Nil: that is refused.
	Backup func(ctx context.Context) (path string, err error)
	// Liveness says when a session counts as dead. Nil: nobody looks.
	Liveness func() liveness.Limits
	// Workers is the number of calls that each handler gets at once. 0: 4.
	Workers int
	// Attempts is the number of failures after which an entry is parked. 0: 8.
	Attempts int
	// Timeout returns how long a call may take before it is cancelled, and each entry of a Reconcile; Timed says otherwise for
	// a handler. Nil: 10 minutes.
	Timeout func() time.Duration
	// FlushQuiet is how long nothing may have been done before a Flusher is asked, FlushDelay how long what was done waits for
	// that at most. 0: not at all, and 5 s.
	FlushQuiet, FlushDelay time.Duration
	// Grace is how long running calls may go on after Run was told to stop. 0: 10 s.
	Grace time.Duration
	// Backoff returns a new sequence of delays. Nil: exponential with jitter, 1 s to 60 s, without end.
	Backoff func() backoff.BackOff
	// Now is the wall clock, for what is stored and shown; pauses go by time.Now. Nil: time.Now.
	Now func() time.Time
	// Observer is told what happens. Nil: nobody is.
	Observer Observer
	// Logger gets one record for each decision that a person may ask about. Nil: none.
	Logger *slog.Logger

	// fault is asked at each transaction, before it commits and after; its errors are injected by tests.
	fault func(committed bool) error
}

func (c Config) withDefaults() Config {
	if c.Guard == nil {
		c.Guard = func() (int, int) { return 20, 5 }
	}
	if c.ReadyLag == nil {
		c.ReadyLag = func() time.Duration { return time.Minute }
	}
	if c.Audit == nil {
		c.Audit = func() audit.Schedule { return audit.Schedule{} }
	}
	if c.Liveness == nil {
		c.Liveness = func() liveness.Limits { return liveness.Limits{} }
	}
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Attempts == 0 {
		c.Attempts = 8
	}
	if c.Timeout == nil {
		c.Timeout = func() time.Duration { return 10 * time.Minute }
	}
	if c.FlushDelay == 0 {
		c.FlushDelay = 5 * time.Second
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Backoff == nil {
		c.Backoff = exponential
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.fault == nil {
		c.fault = func(bool) error { return nil }
	}
	return c
}

func exponential() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = time.Second, 2, time.Minute
	b.Reset()
	return b
}

// delay returns the pause after the given number of failures.
func (c Config) delay(failures int) time.Duration {
	b := c.Backoff()
	d := b.NextBackOff()
	for range failures - 1 {
		d = b.NextBackOff()
	}
	return max(d, 0)
}

// Listener follows a source and drives handlers. It implements control.API.
type Listener struct {
	cfg Config
	log *slog.Logger
	// clock tells the time that the brake goes by.
	clock   func() time.Time
	store   *store.Store
	workers []*worker
	// news tells those who wait that something was committed or that the session changed.
	news  *signal
	kick  chan struct{}
	ready chan struct{}
	// auditing holds a value while an audit runs, suspicions the reason for one to come.
	auditing   chan struct{}
	suspicions chan string
	// resumed is told of sessions that went on from a cookie after a time without one.
	resumed chan struct{}
	// stalls ends the session.
	stalls chan error

	mu sync.Mutex
	// session is guarded by mu.
	session sessionState
	// health is for Alive.
	health health
	// sliced is the last comparison of a part of all entries with the mail server, guarded by mu.
	sliced *control.SliceStatus
	// lookups are what is being asked beside the session, guarded by mu.
	lookups map[*lookup]struct{}
	// storeErr is the error of the last transaction, guarded by mu.
	storeErr error
}

// New prepares a listener: it marks all entries for each handler that did not take part in the last run.
func New(cfg Config) (*Listener, error) {
	cfg = cfg.withDefaults()
	l := &Listener{
		cfg: cfg, log: cfg.Logger, clock: steady(cfg.Now), store: cfg.Store,
		news: newSignal(), kick: make(chan struct{}, 1), ready: make(chan struct{}),
		auditing: make(chan struct{}, 1), suspicions: make(chan string, 1), resumed: make(chan struct{}, 1),
		stalls: make(chan error, 1), lookups: map[*lookup]struct{}{},
	}
	l.session.phase, l.session.url, l.session.kind = phaseConnecting, cfg.URL, cfg.Kind
	var names []string
	for _, h := range cfg.Handlers {
		if slices.Contains(names, h.Name()) {
			return nil, fmt.Errorf("handler %q is listed twice", h.Name())
		}
		names = append(names, h.Name())
		l.workers = append(l.workers, newWorker(l, h))
	}
	slices.Sort(names)
	if err := l.update(func(e *edit) error { return e.prepare(names) }); err != nil {
		return nil, fmt.Errorf("preparing the store: %w", err)
	}
	return l, nil
}

// prepare brings the store in line with this run's configuration.
func (e *edit) prepare(names []string) error {
	state := e.tx.State()
	for _, w := range e.l.workers {
		added := e.tx.AddHandler(w.name)
		if w.reconciler != nil {
			h := e.tx.Handler(w.name)
			was := h.State()
			was.Reconcile, was.From = true, state.Generation+1
			h.SetState(was)
		}
		e.tx.Handler(w.name).SettleTakes(e.l.clock())
		changed := e.version(w)
		if added || changed || !slices.Contains(state.Handlers, w.name) {
			e.markAll(w, state.Generation+1, changed && !added)
		}
		if state.Cautious {
			e.repeatAll(w, state.Generation+1)
		}
		for m := range e.tx.Handler(w.name).Marks() {
			if m.Called(state.Generation) {
				w.tried[m.UUID] = struct{}{}
			}
		}
	}
	if !slices.Equal(state.Handlers, names) {
		state.Handlers = names
	}
	return nil
}

// version notes the handler's version and reports whether it is another than at the last start.
func (e *edit) version(w *worker) bool {
	now := ""
	if v, ok := w.handler.(Versioned); ok {
		now = v.Version()
	}
	h := e.tx.Handler(w.name)
	state := h.State()
	if state.Version == now {
		return false
	}
	state.Version = now
	h.SetState(state)
	return true
}

// markAll marks every entry that the handler matches or has acknowledged. With again it is called also for those that it
// has acknowledged as they are.
func (e *edit) markAll(w *worker, generation uint64, again bool) {
	var todo []schema.UUID
	h := e.tx.Handler(w.name)
	for entry := range e.tx.Entries(schema.UUID{}) {
		if h.HasAcked(entry.UUID) || w.mayMatch(entry) {
			todo = append(todo, entry.UUID)
		}
	}
	for uuid := range h.AckedIDs() {
		if !e.tx.HasEntry(uuid) {
			todo = append(todo, uuid)
		}
	}
	for _, uuid := range todo {
		m := e.mark(w, uuid, generation, nil)
		if again {
			m.Resync = true
			e.put(w, m)
		}
	}
}

// repeatAll marks every entry that the handler has acknowledged to be applied again, but for those that wait for a person, or
// about which one has decided. It is for a store that was copied some time ago, or on another machine: since then the handler
// may have gone to another state and not come back, or its target may be gone.
func (e *edit) repeatAll(w *worker, generation uint64) {
	h := e.tx.Handler(w.name)
	var todo []schema.UUID
	for uuid := range h.AckedIDs() {
		m, open := h.Mark(uuid)
		if waits := open && (m.Class == store.Parked || m.Class == store.Held); !waits && !h.Acked(uuid).Waived {
			todo = append(todo, uuid)
		}
	}
	for _, uuid := range todo {
		m := e.mark(w, uuid, generation, nil)
		m.Resync = true
		e.put(w, m)
	}
}

// Ready is closed once the handlers are being driven; whether they are in step is for Status to say.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Run follows the source and drives the handlers until ctx is cancelled, which is no error. Then the source stops first,
// running calls end or are cancelled after the grace time, and what they achieved is stored.
func (l *Listener) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(l.cfg.Grace, cancel) })
	defer stop()
	for _, w := range l.workers {
		g.Go(func() error { return w.run(ctx, work) })
	}
	g.Go(func() error { return l.follow(ctx) })
	g.Go(func() error { return l.audits(ctx) })
	g.Go(func() error { return l.lookAlive(ctx) })
	g.Go(func() error { return l.slices(ctx) })
	close(l.ready)
	return g.Wait()
}

// update runs one transaction and tells those concerned what it touched.
func (l *Listener) update(fn func(*edit) error) error {
	e := &edit{l: l, now: l.cfg.Now(), origin: l.getSession().origin}
	var refused error
	begun := time.Now()
	err := l.store.Update(func(tx *store.Tx) error {
		e.tx, e.touched, e.anew, e.braked, e.base = tx, map[*worker][]schema.UUID{}, nil, nil, tx.State().Seq
		before := e.position()
		if refused = fn(e); refused != nil {
			return refused
		}
		e.judgeSlots(before)
		return l.cfg.fault(false)
	})
	if err == nil {
		err = l.cfg.fault(true)
	}
	if refused != nil {
		return refused
	}
	l.cfg.Observer.Committed(Commit{Marks: e.count(), Took: time.Since(begun), Err: err})
	l.mu.Lock()
	l.storeErr = err
	l.mu.Unlock()
	if err != nil {
		l.lookAgain()
		return fmt.Errorf("writing the store: %w", err)
	}
	for _, b := range e.braked {
		l.cfg.Observer.Braked(b.Handler, b.Reason)
	}
	for _, w := range e.anew {
		delete(e.touched, w)
		w.touchAll()
	}
	for w, uuids := range e.touched {
		w.touch(uuids...)
	}
	l.news.send()
	return nil
}

// lookAgain lets everybody look at the store anew after a transaction that failed: one whose last sync went wrong may have
// been carried out all the same, and nobody would hear of what is in it.
func (l *Listener) lookAgain() {
	for _, w := range l.workers {
		w.touchAll()
	}
	l.news.send()
}

// fatal reports whether no later attempt can succeed where this error came from.
func fatal(err error) bool { return errors.Is(err, store.ErrCorrupt) }

// signal wakes all who wait for it at once.
type signal struct {
	mu sync.Mutex
	c  chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

// wait returns a channel that is closed by the next send. Whoever wants to miss nothing asks for it before looking.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.c)
	s.c = make(chan struct{})
}
