package syncrepl_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
)

const benchEntries = 10000

// recording is a refresh of 10000 entries of about 1 KB as it comes over the wire.
func recording() []byte {
	var stream bytes.Buffer
	for i := range benchEntries {
		uid := fmt.Sprintf("user%06d", i)
		e := entry("uid="+uid+",ou=people,dc=test", "objectClass", "univentionMail", "uid", uid, "cn", "First Last",
			"mailPrimaryAddress", uid+"@example.test", "mailAlternativeAddress", "first."+uid+"@example.test",
			"univentionMailHomeServer", "mail1.example.test", "entryUUID", id(byte(i)).String(),
			"entryCSN", "20261122202618.420164Z#000000#000#000000", "createTimestamp", "20261122202618Z",
			"description", strings.Repeat("x", 600))
		stream.Write(wire.Request(1, e, stateOf(1, byte(i))))
	}
	stream.Write(wire.Request(1, info(refreshDelete, cookie("c"))))
	return stream.Bytes()
}

// BenchmarkRefresh reads a refresh from loopback. x-copy is its time as a multiple of that of copying the same bytes from
// loopback to nowhere.
func BenchmarkRefresh(b *testing.B) {
	stream := recording()
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listening.Close()
	go func() {
		for {
			conn, err := listening.Accept()
			if err != nil {
				return // closed at the end
			}
			_, _ = conn.Read(make([]byte, 4096)) // the search, or what the copy sends in its place
			_, _ = conn.Write(stream)
			_ = conn.Close()
		}
	}()
	url := "ldap://" + listening.Addr().String()
	source, err := syncrepl.New(syncrepl.Config{Server: connect.Server{URLs: []string{url}}, Base: "dc=test"})
	if err != nil {
		b.Fatal(err)
	}
	var floor time.Duration
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		floor += copyAll(b, listening.Addr().String())
		b.StartTimer()
		n := 0
		for event, err := range source.Events(b.Context(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			if event.Kind == listener.RefreshEnd {
				break
			}
			n++
		}
		if n != benchEntries {
			b.Fatalf("%d entries", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-copy")
}

// copyAll copies the stream to nowhere and returns the time that took.
func copyAll(b *testing.B, address string) time.Duration {
	b.Helper()
	begin := time.Now()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("go")); err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}
