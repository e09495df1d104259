package syncrepl_test

import (
	"errors"
	"net"
	"testing"

	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

const (
	oidState = "1.3.6.1.4.1.4203.1.9.1.2"
	oidDone  = "1.3.6.1.4.1.4203.1.9.1.3"
	oidInfo  = "1.3.6.1.4.1.4203.1.9.1.4"
)

// peer is the provider's side of one session.
type peer struct {
	net.Conn
	in *wire.Reader
	id int // of the search
	// mode is that of the sync request control.
	mode int64
}

// provide serves a provider on loopback that plays the same script to every client, and returns its URL. The script
// begins after the search was received; the connection is closed at its end.
func provide(t *testing.T, script func(*peer)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by the clean-up
			}
			p := &peer{Conn: conn, in: wire.NewReader(conn, 0)}
			if m, err := p.receive(); err == nil && m.Operation == wire.SearchRequest {
				p.id = int(m.ID)
				control, _, _ := m.Control(syncrepl.OID)
				control, _, _ = wire.Expect(control, wire.TagSequence)
				mode, _, _ := wire.Expect(control, wire.TagEnumerated)
				p.mode, _ = wire.Number(mode)
				script(p)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "ldap://" + listener.Addr().String()
}

func (p *peer) receive() (wire.Message, error) {
	body, err := p.in.Next()
	if err != nil {
		return wire.Message{}, err
	}
	return wire.ParseMessage(body)
}

// send sends an answer to the search. A client that has gone is the client's business.
func (p *peer) send(operation []byte, controls ...[]byte) {
	_, _ = p.Write(wire.Request(p.id, operation, controls...))
}

// id returns the UUID whose bytes are all n.
func id(n byte) (u schema.UUID) {
	for i := range u {
		u[i] = n
	}
	return u
}

func uuid(n byte) []byte { u := id(n); return wire.Octets(wire.TagOctets, string(u[:])) }

func cookie(text string) []byte { return wire.Octets(wire.TagOctets, text) }

func seq(parts ...[]byte) []byte { return wire.Element(wire.TagSequence, parts...) }

// stateOf is a sync state control.
func stateOf(change int, n byte, optional ...[]byte) []byte {
	parts := append([][]byte{wire.Integer(wire.TagEnumerated, change), uuid(n)}, optional...)
	return wire.Control(oidState, false, seq(parts...))
}

// entry is a search result entry; attributes are name and value by turns.
func entry(dn string, attributes ...string) []byte {
	var list [][]byte
	for i := 0; i < len(attributes); i += 2 {
		list = append(list, seq(wire.Octets(wire.TagOctets, attributes[i]),
			wire.Element(wire.TagSet, wire.Octets(wire.TagOctets, attributes[i+1]))))
	}
	return wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, dn), seq(list...))
}

// info is a sync info message.
func info(choice byte, parts ...[]byte) []byte {
	return wire.Element(wire.Intermediate, wire.Octets(0x80, oidInfo),
		wire.Element(0x81, wire.Element(choice, parts...)))
}

// result ends an operation.
func result(operation byte, code int, text string, more ...[]byte) []byte {
	parts := [][]byte{wire.Integer(wire.TagEnumerated, code), wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, text)}
	return wire.Element(operation, append(parts, more...)...)
}

// The choices of a sync info message.
const (
	newCookie      = 0x80
	refreshDelete  = 0xa1
	refreshPresent = 0xa2
	idSet          = 0xa3
)

func set(ns ...byte) []byte {
	var ids [][]byte
	for _, n := range ns {
		ids = append(ids, uuid(n))
	}
	return wire.Element(wire.TagSet, ids...)
}

var errLate = errors.New("the test has waited in vain")
