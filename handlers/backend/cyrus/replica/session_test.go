package replica

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestSilence ends a session whose other end hangs.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		s := Over(t.Context(), near)
		defer s.Close()
		start, ended := time.Now(), make(chan error, 1)
		go func() {
			_, err := s.raw("NOOP")
			ended <- err
		}()
		select {
		case err := <-ended:
			if err == nil || time.Since(start) != silence {
				t.Errorf("ended after %s by %v", time.Since(start), err)
			}
		case <-time.After(2 * silence):
			t.Error("a session that hangs is waited for")
		}
	})
}
