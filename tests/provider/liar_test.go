package provider

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

const liarBase = "dc=test"

// liar is a directory server on loopback that answers questions truthfully, and content synchronisation as it is told to.
type liar struct {
	url string

	mu       gosync.Mutex
	people   map[schema.UUID]*schema.Entry
	changes  int              // the position
	lie      func(*liarsTale) // nil: the truth
	sessions []string         // the cookies they came with
	tales    map[*liarsTale]bool
}

// liarsTale is one session.
type liarsTale struct {
	liar   *liar
	conn   net.Conn
	id     int
	cookie string
}

// newLiar serves n people p00, p01 ...
func newLiar(t *testing.T, n int) *liar {
	t.Helper()
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{url: "ldap://" + listening.Addr().String(), people: map[schema.UUID]*schema.Entry{}, tales: map[*liarsTale]bool{}}
	for i := range n {
		l.put(i)
	}
	var serving gosync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listening.Accept()
			if err != nil {
				return // closed by the clean-up
			}
			stop := context.AfterFunc(t.Context(), func() { _ = conn.Close() })
			serving.Go(func() {
				defer stop()
				defer conn.Close()
				l.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listening.Close()
		serving.Wait()
	})
	return l
}

func liarsID(i int) schema.UUID { return schema.UUID{0: 1, 15: byte(i)} }

func (*liar) csn(at int) string {
	return fmt.Sprintf("20260101000000.%06dZ#000000#000#000000", at)
}

// put adds or changes a person.
func (l *liar) put(i int) {
	l.changes++
	uid := fmt.Sprintf("p%02d", i)
	id := liarsID(i)
	value := func(name, text string) schema.Attribute { return schema.Attribute{Name: name, Values: []string{text}} }
	l.people[id] = schema.NewEntry(id, "uid="+uid+","+liarBase, value("objectClass", "univentionMail"), value("uid", uid),
		value("mailPrimaryAddress", uid+"@example.test"), value("entryUUID", id.String()), value("entryCSN", l.csn(l.changes)),
		value("createTimestamp", "20260101000000Z"))
}

// say makes the sessions from the next on tell something, nil the truth, and ends the running ones.
func (l *liar) say(lie func(*liarsTale)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lie = lie
	for tale := range l.tales {
		_ = tale.conn.Close()
	}
	clear(l.tales)
}

// remove deletes a person and says so to the running sessions.
func (l *liar) remove(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.people, liarsID(i))
	l.changes++
	for tale := range l.tales {
		tale.gone(l.position(), i)
	}
}

func (l *liar) position() string { return "rid=000,csn=" + l.csn(l.changes) }

func (l *liar) serve(conn net.Conn) {
	in := wire.NewReader(conn, 0)
	for {
		body, err := in.Next()
		if err != nil {
			return // the client has gone
		}
		m, err := wire.ParseMessage(body)
		if err != nil {
			return
		}
		switch m.Operation {
		case wire.BindRequest:
			_, _ = conn.Write(wire.Request(int(m.ID), liarsResult(wire.BindResponse, 0)))
		case wire.SearchRequest:
			if control, found, _ := m.Control(syncrepl.OID); found {
				l.tell(conn, m, control)
			} else {
				l.answer(conn, m)
			}
		case wire.UnbindRequest:
			return
		}
	}
}

// tell runs a session to where nothing is left to say.
func (l *liar) tell(conn net.Conn, m wire.Message, control string) {
	members, _, _ := wire.Expect(control, wire.TagSequence)
	_, members, _ = wire.Expect(members, wire.TagEnumerated) // the mode
	cookie := ""
	if tag, value, _, err := wire.Next(members); err == nil && tag == wire.TagOctets {
		cookie = value
	}
	tale := &liarsTale{liar: l, conn: conn, id: int(m.ID), cookie: cookie}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, cookie)
	l.tales[tale] = true
	if l.lie != nil {
		l.lie(tale)
		return
	}
	for i := range 100 {
		tale.entry(i)
	}
	tale.endPresent()
}

// answer answers a search that does not synchronise, truthfully.
func (l *liar) answer(conn net.Conn, m wire.Message) {
	base, rest, _ := wire.Expect(m.Value, wire.TagOctets)
	scope, rest, _ := wire.Expect(rest, wire.TagEnumerated)
	filter := rest
	l.mu.Lock()
	defer l.mu.Unlock()
	send := func(dn string, attrs ...schema.Attribute) {
		_, _ = conn.Write(wire.Request(int(m.ID), liarsEntry(dn, attrs)))
	}
	value := func(name, text string) schema.Attribute { return schema.Attribute{Name: name, Values: []string{text}} }
	code := 0
	subtree := scope != "\x00"
	switch {
	case !subtree && base == "":
		send("", value("namingContexts", liarBase))
	case !subtree && base == liarBase:
		send(base, value("contextCSN", l.csn(l.changes)))
	default:
		code = 32
		for id, e := range l.people {
			named := subtree && (strings.Contains(filter, id.String()) || strings.Contains(filter, "\x87\x09entryUUID"))
			if named || !subtree && strings.EqualFold(base, e.DN) {
				send(e.DN, e.Attrs...)
				code = 0
				break
			}
		}
		if subtree {
			code = 0
		}
	}
	_, _ = conn.Write(wire.Request(int(m.ID), liarsResult(wire.SearchDone, code)))
}

func liarsResult(operation byte, code int, more ...[]byte) []byte {
	parts := [][]byte{wire.Integer(wire.TagEnumerated, code), wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, "")}
	return wire.Element(operation, append(parts, more...)...)
}

func liarsEntry(dn string, attrs []schema.Attribute) []byte {
	var list [][]byte
	for _, a := range attrs {
		list = append(list, wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, a.Name),
			wire.Element(wire.TagSet, wire.Octets(wire.TagOctets, a.Values[0]))))
	}
	return wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, dn), wire.Element(wire.TagSequence, list...))
}

// send sends a message of the session.
func (s *liarsTale) send(operation []byte, controls ...[]byte) {
	_, _ = s.conn.Write(wire.Request(s.id, operation, controls...)) // a client that has gone is its own business
}

// entry sends a person with its content, if there is one.
func (s *liarsTale) entry(i int) {
	if e := s.liar.people[liarsID(i)]; e != nil {
		s.as(e.UUID, e.DN, e.Attrs)
	}
}

// as sends content under a UUID.
func (s *liarsTale) as(id schema.UUID, dn string, attrs []schema.Attribute) {
	s.send(liarsEntry(dn, attrs), wire.Control("1.3.6.1.4.1.4203.1.9.1.2", false, wire.Element(wire.TagSequence,
		wire.Integer(wire.TagEnumerated, 1), wire.Octets(wire.TagOctets, string(id[:])))))
}

func (s *liarsTale) info(choice byte, parts ...[]byte) {
	s.send(wire.Element(wire.Intermediate, wire.Octets(0x80, "1.3.6.1.4.1.4203.1.9.1.4"),
		wire.Element(0x81, wire.Element(choice, parts...))))
}

func liarsSet(numbers []int) []byte {
	var ids [][]byte
	for _, i := range numbers {
		id := liarsID(i)
		ids = append(ids, wire.Octets(wire.TagOctets, string(id[:])))
	}
	return wire.Element(wire.TagSet, ids...)
}

func (s *liarsTale) present(numbers ...int) { s.info(0xa3, liarsSet(numbers)) }

// gone says that people have gone, with a cookie unless it is "".
func (s *liarsTale) gone(cookie string, numbers ...int) {
	parts := [][]byte{wire.Boolean(true), liarsSet(numbers)}
	if cookie != "" {
		parts = slices.Insert(parts, 0, wire.Octets(wire.TagOctets, cookie))
	}
	s.info(0xa3, parts...)
}

// endPresent and endDelete end the refresh at the server's position.
func (s *liarsTale) endPresent() { s.info(0xa2, wire.Octets(wire.TagOctets, s.liar.position())) }
func (s *liarsTale) endDelete()  { s.info(0xa1, wire.Octets(wire.TagOctets, s.liar.position())) }

// upTo returns 0 to n-1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
