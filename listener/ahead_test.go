package listener

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadAheadIsBounded proves that large entries are not all read while a transaction takes long, and that all of them
// are taken in afterwards.
func TestReadAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		large := strings.Repeat("x", readAheadBytes/8)
		var sent atomic.Int64
		var slow atomic.Bool
		r.dir.pretend = func(ctx context.Context, yield func(Event, error) bool) error {
			if !yield(Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte(cookieAt(1))}, nil) {
				return nil
			}
			for n := range 16 {
				sent.Store(int64(n))
				if !yield(Event{Kind: Content, Entry: user(n+1, "", attr("large", large))}, nil) {
					return nil
				}
			}
			// Larger than what is ever read ahead.
			if !yield(Event{Kind: Content, Entry: user(17, "", attr("large", strings.Repeat(large, 9)))}, nil) {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r.config.fault = func(committed bool) error {
			if slow.Load() && !committed {
				time.Sleep(time.Minute)
			}
			return nil
		}
		slow.Store(true)
		r.start()
		time.Sleep(90 * time.Second) // the start, and half of the transaction after the refresh
		if n := sent.Load(); n == 0 || n > 10 {
			t.Errorf("%d entries of an eighth of the room are read while a transaction runs, want 8 at most and some", n)
		}
		slow.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		status, err := r.Status(t.Context())
		if err != nil || status.Entries != 17 {
			t.Errorf("%d entries, want 17 (%v)", status.Entries, err)
		}
	})
}
