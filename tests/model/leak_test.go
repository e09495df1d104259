package model_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/tests/harness"
)

var reconnects = flag.Int("leak.reconnects", 500, "how often TestLeaks breaks the connection")

// counts are what must not grow.
type counts struct{ goroutines, files, serverFiles, connections int }

func (c counts) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d files of the server, %d connections", c.goroutines, c.files, c.serverFiles, c.connections)
}

// fits reports whether nothing has grown. The garbage collector and the test itself need a few files and goroutines more.
func (c counts) fits(limit counts) bool {
	const slack = 6
	return c.goroutines <= limit.goroutines+slack && c.files <= limit.files+slack &&
		c.serverFiles <= limit.serverFiles+slack && c.connections <= limit.connections
}

func count(l *lab) counts {
	l.t.Helper()
	files := func(pid int) int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			l.t.Fatalf("counting files: %v", err)
		}
		return len(list)
	}
	return counts{runtime.NumGoroutine(), files(os.Getpid()), files(l.slapd.Process().PID()), l.proxy.Open()}
}

// TestLeaks proves that broken connections leave nothing behind: no goroutine, no open file here or at the server, and no
// connection, wherever in a session they break.
func TestLeaks(t *testing.T) {
	slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = folders })
	before := goleak.IgnoreCurrent()
	l := newLab(t, slapd, setup{layout: "uuid"})
	people := newPeople(slapd)
	people.clear()
	for n := range people.list[1:] {
		people.set(n+1, address(n+1))
	}
	l.settle()
	l.daemon.Stop()
	parts, daemon, err := newChild(l.root, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx) }()
	var limit counts
	for n := range *reconnects {
		breakConnection(l, people, n)
		if n == *reconnects/10 {
			limit = rested(l, daemon, nil)
		}
	}
	now := rested(l, daemon, &limit)
	t.Logf("%d connections; at first %s; now %s", l.proxy.Accepted(), limit, now)
	if !now.fits(limit) {
		t.Errorf("grown from %s to %s", limit, now)
	}
	if l.proxy.Accepted() < *reconnects {
		t.Errorf("only %d connections were made", l.proxy.Accepted())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := parts.Close(); err != nil {
		t.Error(err)
	}
	l.t.end()
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("testing.tRunner")); err != nil {
		t.Error(err)
	}
}

// breakConnection breaks the session somewhere and waits until there is another one.
func breakConnection(l *lab, people *people, n int) {
	l.t.Helper()
	accepted := l.proxy.Accepted()
	way := []harness.Way{harness.ToServer, harness.ToClient}[n%2]
	switch n % 5 {
	case 0:
		l.proxy.CutAll()
	case 1, 2: // within the next session as well
		l.proxy.Set(harness.Cut{Way: way, Messages: 1 + n%7, Half: n%3 == 0})
		l.proxy.CutAll()
	case 3:
		l.proxy.Set(harness.Cut{Way: harness.ToClient, Bytes: 1 + n%300})
		l.proxy.CutAll()
	default:
		people.set(1+n%5, address(1+n%5)) // an answer of the probe may be what is cut
		l.proxy.Refuse(true)
		l.proxy.CutAll()
		harness.Await(l.t, "a refused connection", func() bool { return l.proxy.Accepted() > accepted })
		l.proxy.Refuse(false)
	}
	harness.Await(l.t, "another session", func() bool { return l.proxy.Accepted() > accepted && l.proxy.Open() > 0 })
	if n%10 == 9 {
		l.proxy.Unset()
	}
}

// rested lets the listener come into step and returns what there is, as soon as it fits, else in the end.
func rested(l *lab, child *listener.Listener, limit *counts) (c counts) {
	l.t.Helper()
	l.proxy.Unset()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if _, err := child.Wait(ctx); err != nil {
		l.t.Fatalf("waiting: %v", err)
	}
	for range 100 {
		runtime.GC()
		if c = count(l); limit == nil || c.fits(*limit) {
			return c
		}
		<-time.After(20 * time.Millisecond) // what ends ends by itself
	}
	return c
}
