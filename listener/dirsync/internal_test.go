package dirsync

import (
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
)

// TestSlowAnswerIsWaitedFor lets a server take longer for its answer than it may be silent in it, and then be silent.
func TestSlowAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		var serving sync.WaitGroup
		defer serving.Wait()
		defer client.Close()
		serving.Go(func() {
			defer server.Close()
			in := wire.NewReader(server, 0)
			for _, silence := range []time.Duration{patience - time.Second, patience + time.Second} {
				if _, err := in.Next(); err != nil {
					return
				}
				for range 3 {
					time.Sleep(silence)
					_, _ = server.Write(wire.Request(1, wire.Element(wire.SearchEntry)))
				}
				_, _ = server.Write(wire.Request(1, wire.Element(wire.SearchDone)))
			}
		})
		conn := &connect.Conn{Conn: client, Reader: wire.NewReader(client, 0)}
		entries := 0
		take := func(string) error { entries++; return nil }
		if _, err := ask(t.Context(), conn, search.Query{}, nil, take); err != nil || entries != 3 {
			t.Fatalf("%d entries, %v", entries, err)
		}
		if _, err := ask(t.Context(), conn, search.Query{}, nil, take); err == nil || !strings.Contains(err.Error(), "no answer within") {
			t.Fatal(err)
		}
	})
}
