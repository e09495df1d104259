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
type row struct {
	pause, age time.Duration
	anonymous  bool // without identity
}

// question is a session that has asked once, and what came of it.
type question struct {
	*session
	err error
}

// asked asks once, to which a server answers with rows.
func asked(t *testing.T, rows ...row) question {
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
			_, _ = server.Write(wire.Request(1, r.entry(byte(i))))
		}
		_, _ = server.Write(wire.Request(1, wire.Element(wire.SearchDone,
			wire.Integer(wire.TagEnumerated, 0), wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, ""))))
	})
	s := question{session: &session{
		source: source, decoder: search.NewDecoder(source.words, source.dated),
		conn: &connect.Conn{Conn: client, Reader: wire.NewReader(client, 0)},
	}}
	s.err = s.ask(t.Context(), source.compare, func(*schema.Entry) bool { return true })
	serving.Wait()
	return s
}

func (r row) entry(n byte) []byte {
	attr := func(name, value string) []byte {
		return wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, name), wire.Element(wire.TagSet, wire.Octets(wire.TagOctets, value)))
	}
	attrs := [][]byte{attr("modifyTimestamp", time.Now().Add(-r.age).UTC().Format(layout)+"Z")}
	if !r.anonymous {
		attrs = append(attrs, attr("entryUUID", schema.UUID{n}.String()))
	}
	return wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "cn=x,dc=test"), wire.Element(wire.TagSequence, attrs...))
}

// expectFrom demands that the next question begins at a time.
func (s question) expectFrom(t *testing.T, want time.Time) {
	t.Helper()
	if s.err != nil {
		t.Fatal(s.err)
	}
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

// One entry that cannot be identified must not stop the others.
func TestEntryWithoutIdentityIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked(t, row{age: time.Hour, anonymous: true}, row{age: time.Minute}).expectFrom(t, time.Now().Add(-time.Minute-5*time.Second))
		if q := asked(t, row{anonymous: true}); q.err == nil {
			t.Error("a directory that identifies nothing can be followed")
		}
	})
}

// An entry from the future must not hide what changes until then.
func TestFutureDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked(t, row{age: time.Minute}, row{age: -30 * time.Minute}).expectFrom(t, time.Now().Add(-time.Minute-5*time.Second))
	})
}
