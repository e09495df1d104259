package transfer

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestSilence ends a copy of which neither side says anything, and none that goes on.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, mine := net.Pipe()
		b, theirs := net.Pipe()
		done := make(chan time.Time)
		go func() {
			join(a, a, b, nil)
			done <- time.Now()
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		for range 3 {
			time.Sleep(silence - time.Second)
			if _, err := io.WriteString(mine, "x"); err != nil {
				t.Fatal(err)
			}
		}
		last := time.Now()
		if ended := <-done; ended.Sub(last) != silence {
			t.Errorf("ended %s after the last word", ended.Sub(last))
		}
	})
}

// TestLonely ends doveadm when it does not connect, and when it goes on without a connection.
func TestLonely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		g := &gate{end: end, lonely: time.AfterFunc(loneliness, func() { end(errLonely) })}
		conns := make(chan net.Conn)
		far, other := net.Pipe()
		begun := time.Now()
		go func() {
			for conn := range conns {
				g.lead(ctx, conn, func() (net.Conn, error) { return far, nil })
			}
		}()
		time.Sleep(loneliness / 2)
		conn, mine := net.Pipe()
		conns <- conn
		time.Sleep(2 * loneliness)
		if ctx.Err() != nil {
			t.Error("ended while there was a connection")
		}
		_, _ = mine.Close(), other.Close()
		<-ctx.Done()
		if took := time.Since(begun); context.Cause(ctx) != errLonely || took != 7*loneliness/2 {
			t.Errorf("ended after %s: %v", took, context.Cause(ctx))
		}
		close(conns)
	})
}

// TestClosedIsTriedOften proves that whoever gets temporary errors does not wait for minutes when the other host is back.
func TestClosedIsTriedOften(t *testing.T) {
	for state, limit := range map[State]time.Duration{Copying: longestTry, Committing: longestClosed} {
		l, _, _ := coming(t)
		track := track{Out, l.m.UUID}
		if err := l.to(state, nil); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			l.note(track, l.m.Peer, errors.New("does not work"))
		}
		if left := time.Until(l.troubles[track].next); left > limit || left < limit/2 {
			t.Errorf("%s: tried again in %s", state, left)
		}
		for range 20 {
			l.note(track, l.m.Peer, &unreachable{errors.New("no route")})
		}
		if left := time.Until(l.away[l.m.Peer].next); left > min(limit, longestAway) {
			t.Errorf("%s: the host is tried again in %s", state, left)
		}
	}
}
