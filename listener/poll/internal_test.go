package poll

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
	"github.com/mailreg/mailreg/schema"
)

// row is an entry of an answer: how long the server takes for it, and when it was changed as seen from now.
type row struct{ pause, age time.Duration }

// asked returns a session that has asked its question once, to which a server has answered with rows.
func asked(t *testing.T, rows ...row) *session {
	t.Helper()
	source, err := New(Config{Base: "dc=test", Filter: "(objectClass=*)"})
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() {
		defer server.Close()
		_, _ = wire.NewReader(server, 0).Next()
		for i, r := range rows {
			time.Sleep(r.pause)
			_, _ = server.Write(wire.Request(1, entry(byte(i), time.Now().Add(-r.age))))
		}
		_, _ = server.Write(wire.Request(1, wire.Element(wire.SearchDone,
			wire.Integer(wire.TagEnumerated, 0), wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, ""))))
	})
	s := &session{
		source: source, decoder: search.NewDecoder(source.words, source.dated),
		conn: &connect.Conn{Conn: client, Reader: wire.NewReader(client, 0)},
	}
	if err := s.ask(t.Context(), source.compare, func(*schema.Entry) bool { return true }); err != nil {
		t.Fatal(err)
	}
	serving.Wait()
	return s
}

func entry(n byte, changed time.Time) []byte {
	attr := func(name, value string) []byte {
		return wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, name), wire.Element(wire.TagSet, wire.Octets(wire.TagOctets, value)))
	}
	return wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "cn=x,dc=test"), wire.Element(wire.TagSequence,
		attr("entryUUID", schema.UUID{n}.String()), attr("modifyTimestamp", changed.UTC().Format(layout)+"Z")))
}

// expectFrom demands that the next question begins at a time.
func (s *session) expectFrom(t *testing.T, want time.Time) {
	t.Helper()
	if filter := s.changes().Filter; !strings.Contains(filter, "(modifyTimestamp>="+want.UTC().Format(layout)+"Z)") {
		t.Errorf("asks for %s, not from %s on", filter, want)
	}
}

func TestNextQuestionBeginsBehindTheNewestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked(t, row{age: time.Hour}, row{age: time.Minute}, row{age: 2 * time.Hour}).expectFrom(t, time.Now().Add(-time.Minute-5*time.Second))
	})
}

// What has changed while a long answer came may have stood in a part of it that had come already.
func TestLongAnswerMissesNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		asked(t, row{age: time.Hour}, row{pause: 5 * time.Minute}).expectFrom(t, begun.Add(-5*time.Second))
	})
}

// An entry from the future must not hide what changes until then.
func TestFutureDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked(t, row{age: time.Minute}, row{age: -30 * time.Minute}).expectFrom(t, time.Now().Add(-time.Minute-5*time.Second))
	})
}
