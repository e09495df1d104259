package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	idleRounds = 400  // changes, one after the other
	writers    = 4    // that write at once
	rushWrites = 2000 // of each writer
	rushUsers  = 250  // that each of them changes in turn
)

// BenchmarkFollow follows a small directory in this process, on a slapd that does not make its writes durable:
//
//	x-idle       p99 from the result of a change to the call of the handler, as a multiple of the p99 of what that cannot do
//	             without: a reader that only decodes, and one fdatasync of as many bytes
//	ms-idle      the same p99 itself
//	idle-commits transactions for each change, two of them being its arrival and its acknowledgement
//	ms-behind    from when writers at full speed have stopped until the handler has seen the last of what they wrote
//	ms-lag       p99 from the result of each of their changes to the call of the handler with it or what followed it
//	rush-commits transactions for each change of theirs
//	writes/s     how fast they wrote
func BenchmarkFollow(b *testing.B) {
	for b.Loop() {
		slapd := harness.NewSlapd(b, func(c *harness.SlapdConfig) { c.LDIF = users(writers * rushUsers) })
		f := newFollower(b, slapd)
		f.idle(b)
		f.rush(b)
	}
	b.ReportMetric(0, "ns/op")
}

// value is the number that a change has written into an entry.
func value(e *schema.Entry) int {
	if e == nil {
		return 0
	}
	n, _ := strconv.Atoi(e.First("description"))
	return n
}

// sight is when somebody has seen a value.
type sight struct {
	value int
	at    time.Time
}

// witness notes when it sees values: as a handler, or as a reader.
type witness struct {
	mu   sync.Mutex
	seen map[string][]sight
	news chan struct{}
}

func newWitness() *witness { return &witness{seen: map[string][]sight{}, news: make(chan struct{}, 1)} }

func (*witness) Name() string             { return "witness" }
func (*witness) Match(*schema.Entry) bool { return true }

func (w *witness) Apply(_ context.Context, c schema.Change) error {
	w.see(c.New)
	return nil
}

func (w *witness) see(e *schema.Entry) {
	now := time.Now()
	if e == nil {
		return
	}
	w.mu.Lock()
	w.seen[e.DN] = append(w.seen[e.DN], sight{value(e), now})
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// when returns when an entry was first seen with a value or a later one.
func (w *witness) when(dn string, value int) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen[dn] {
		if s.value >= value {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// await waits for that.
func (w *witness) await(b *testing.B, dn string, value int) time.Time {
	b.Helper()
	late := time.After(time.Minute)
	for {
		if at, ok := w.when(dn, value); ok {
			return at
		}
		select {
		case <-w.news:
		case <-late:
			b.Fatalf("%s was never seen with value %d", dn, value)
		}
	}
}

// follower is a listener with one handler, and beside it a reader that only decodes.
type follower struct {
	*listener.Listener
	slapd         *harness.Slapd
	handler, bare *witness
	commits       atomic.Int64
	dir           string
}

// Committed counts; the others are of no interest.
func (f *follower) Committed(listener.Commit)   { f.commits.Add(1) }
func (*follower) Acted(listener.Action)         {}
func (*follower) Refreshed(listener.Refresh)    {}
func (*follower) Ended(error)                   {}
func (*follower) Braked(handler, reason string) {}

func newFollower(b *testing.B, slapd *harness.Slapd) *follower {
	b.Helper()
	f := &follower{slapd: slapd, handler: newWitness(), bare: newWitness(), dir: b.TempDir()}
	source, bare := f.source(b), f.source(b)
	asker, err := probe.New(probe.Config{Server: server(slapd), Base: harness.BaseDN, URL: source.URL})
	if err != nil {
		b.Fatal(err)
	}
	state, err := store.Open(filepath.Join(f.dir, "listener.db"))
	if err != nil {
		b.Fatal(err)
	}
	f.Listener, err = listener.New(listener.Config{
		Store: state, Source: source, Probe: asker, Handlers: []listener.Handler{f.handler}, Observer: f,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := f.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	tasks.Go(func() {
		for event, err := range bare.Events(ctx, nil) {
			if err == nil && event.Kind == listener.Content {
				f.bare.see(event.Entry)
			}
		}
	})
	b.Cleanup(func() {
		cancel()
		tasks.Wait()
		if err := errors.Join(asker.Close(), state.Close()); err != nil {
			b.Error(err)
		}
	})
	f.settle(b)
	return f
}

func server(slapd *harness.Slapd) connect.Server {
	return connect.Server{
		URLs: []string{slapd.URL()}, StartTLS: connect.No, BindDN: harness.ListenerDN,
		Password: func() (string, error) { return harness.ListenerPassword, nil },
	}
}

func (f *follower) source(b *testing.B) *syncrepl.Source {
	b.Helper()
	source, err := syncrepl.New(syncrepl.Config{
		Server: server(f.slapd), Base: harness.BaseDN, Filter: "(uid=user*)",
		Attributes: []string{"objectClass", "uid", "description", "entryUUID", "entryCSN", "createTimestamp"},
	})
	if err != nil {
		b.Fatal(err)
	}
	return source
}

func (f *follower) settle(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	if _, err := f.Wait(ctx); err != nil {
		b.Fatal(err)
	}
}

// user returns the DN of a user.
func user(n int) string { return fmt.Sprintf("uid=user%06d,ou=people,%s", n, harness.BaseDN) }

// modify gives an entry a value and returns when the server has said that it has.
func modify(conn *ldap.Conn, dn string, value int) (time.Time, error) {
	change := ldap.NewModifyRequest(dn, nil)
	change.Replace("description", []string{strconv.Itoa(value)})
	err := conn.Modify(change)
	return time.Now(), err
}

// idle changes one entry after the other, each when all is quiet again, and times what cannot be done without in turns.
func (f *follower) idle(b *testing.B) {
	b.Helper()
	file := f.floorFile(b)
	defer file.Close()
	var whole, least []time.Duration
	size, commits := 16<<10, f.commits.Load()
	written := wrote(b)
	for n := range idleRounds {
		dn := user(n % (writers * rushUsers))
		result, err := modify(f.slapd.Conn, dn, 1+n)
		if err != nil {
			b.Fatal(err)
		}
		whole = append(whole, f.handler.await(b, dn, 1+n).Sub(result))
		bare := f.bare.await(b, dn, 1+n).Sub(result)
		f.settle(b)
		if n == idleRounds/10 {
			size = (wrote(b) - written) / int(f.commits.Load()-commits)
		}
		least = append(least, max(bare, 0)+syncOnce(b, file, size))
	}
	x := float64(percentile(whole, 99)) / float64(percentile(least, 99))
	b.ReportMetric(x, "x-idle")
	b.ReportMetric(milliseconds(percentile(whole, 99)), "ms-idle")
	b.ReportMetric(float64(f.commits.Load()-commits)/idleRounds, "idle-commits")
	b.Logf("idle: p50 %s, p99 %s; bare reader and fdatasync of %d bytes: p50 %s, p99 %s", percentile(whole, 50), percentile(whole, 99),
		size, percentile(least, 50), percentile(least, 99))
}

// floorFile returns a file whose blocks are there already, as most of the store's are.
func (f *follower) floorFile(b *testing.B) *os.File {
	b.Helper()
	file, err := os.Create(filepath.Join(f.dir, "floor"))
	if err == nil {
		_, err = file.Write(make([]byte, 1<<20))
	}
	if err := errors.Join(err, file.Sync()); err != nil {
		b.Fatal(err)
	}
	return file
}

// syncOnce times one durable write.
func syncOnce(b *testing.B, file *os.File, size int) time.Duration {
	b.Helper()
	begin := time.Now()
	_, err := file.WriteAt(make([]byte, size), 0)
	if err := errors.Join(err, syscall.Fdatasync(int(file.Fd()))); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// wrote returns how many bytes this process has written so far.
func wrote(b *testing.B) int {
	b.Helper()
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	var rchar, wchar int
	if _, err := fmt.Sscanf(string(data), "rchar: %d\nwchar: %d", &rchar, &wchar); err != nil {
		b.Fatal(err)
	}
	return wchar
}

// change is one that was made.
type change struct {
	dn     string
	value  int
	result time.Time
}

// rush writes as fast as the server takes it, and waits until all of it has come through.
func (f *follower) rush(b *testing.B) {
	b.Helper()
	commits, begin := f.commits.Load(), time.Now()
	made := make([][]change, writers)
	var group sync.WaitGroup
	for w := range writers {
		conn := f.dial(b)
		group.Go(func() {
			for n := range rushWrites {
				c := change{dn: user(w*rushUsers + n%rushUsers), value: 1000 + n}
				var err error
				if c.result, err = modify(conn, c.dn, c.value); err != nil {
					b.Error(err)
					return
				}
				made[w] = append(made[w], c)
			}
		})
	}
	group.Wait()
	stopped := time.Now()
	var behind time.Duration
	var lags []time.Duration
	for _, c := range slices.Concat(made...) {
		at := f.handler.await(b, c.dn, c.value) // fails for what is lost
		lags = append(lags, max(at.Sub(c.result), 0))
		behind = max(behind, at.Sub(stopped))
	}
	f.settle(b)
	all := float64(len(lags))
	b.ReportMetric(milliseconds(behind), "ms-behind")
	b.ReportMetric(milliseconds(percentile(lags, 99)), "ms-lag")
	b.ReportMetric(float64(f.commits.Load()-commits)/all, "rush-commits")
	b.ReportMetric(all/stopped.Sub(begin).Seconds(), "writes/s")
	b.Logf("rush: %.0f changes, all seen %s after the last; lag p50 %s, p99 %s", all, behind, percentile(lags, 50), percentile(lags, 99))
}

func (f *follower) dial(b *testing.B) *ldap.Conn {
	b.Helper()
	conn, err := ldap.DialURL(f.slapd.URL())
	if err == nil {
		err = conn.Bind(harness.AdminDN, harness.AdminPassword)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

func percentile(list []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)*percent/100]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
