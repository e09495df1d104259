package dirsync_test

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

const (
	oidDirSync = "1.2.840.113556.1.4.841"
	base       = "DC=example,DC=test"
)

// page is one answer to a DirSync request.
type page struct {
	changed []object
	more    int
	cookie  string
	code    int
	bare    bool // without the control
}

// object is an entry of the fake's: attributes in the server's words.
type object struct {
	uuid  schema.UUID
	dn    string
	attrs map[string][]string
}

// fake plays an Active Directory as Microsoft's does what Samba's does not: pages, and ranges of 3 values.
type fake struct {
	mu      sync.Mutex
	usn     int
	deleted bool // the container of deleted objects may be read
	objects []object
	pages   []page // answers to DirSync requests; the last one is kept
	cookies []string
}

// serve answers every client on loopback until the test ends, and returns its URL.
func (f *fake) serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by the clean-up
			}
			clients.Go(func() { f.client(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		clients.Wait()
	})
	return "ldap://" + listener.Addr().String()
}

func (f *fake) client(conn net.Conn) {
	defer conn.Close()
	for in := wire.NewReader(conn, 0); ; {
		body, err := in.Next()
		if err != nil {
			return
		}
		if m, err := wire.ParseMessage(body); err == nil && m.Operation == wire.SearchRequest {
			f.search(conn, m)
		}
	}
}

// search answers one request.
func (f *fake) search(conn net.Conn, m wire.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := parseQuery(m)
	send := func(operation []byte, controls ...[]byte) {
		_, _ = conn.Write(wire.Request(int(m.ID), operation, controls...))
	}
	if control, found, _ := m.Control(oidDirSync); found {
		f.dirSync(control, send)
		return
	}
	code := 0
	switch {
	case q.base == "":
		send(entry("", map[string][]string{
			"supportedControl": {oidDirSync}, "namingContexts": {"CN=Configuration," + base, base}, "dsServiceName": {"CN=DC1"},
			"highestCommittedUSN": {strconv.Itoa(f.usn)}, "currentTime": {"20260102030405.0Z"},
		}))
	case strings.HasPrefix(q.base, "CN=Deleted Objects"):
		if f.deleted {
			send(entry(q.base, map[string][]string{"objectGUID": {"0123456789abcdef"}}))
		}
	case strings.HasPrefix(q.base, "<GUID="):
		code = 32
		for _, o := range f.objects {
			if q.base == "<GUID="+o.uuid.String()+">" {
				code = 0
				send(entry(o.dn, o.shown(q.attributes)))
			}
		}
	default:
		for _, o := range f.objects {
			send(entry(o.dn, o.shown(q.attributes)))
		}
	}
	send(done(code))
}

func (f *fake) dirSync(control string, send func([]byte, ...[]byte)) {
	rest, _, _ := wire.Expect(control, wire.TagSequence)
	_, rest, _ = wire.Expect(rest, wire.TagInteger)
	_, rest, _ = wire.Expect(rest, wire.TagInteger)
	cookie, _, _ := wire.Expect(rest, wire.TagOctets)
	f.cookies = append(f.cookies, cookie)
	p := f.pages[0]
	if len(f.pages) > 1 {
		f.pages = f.pages[1:]
	}
	for _, o := range p.changed {
		send(entry(o.dn, o.attrs))
	}
	if p.bare {
		send(done(p.code))
		return
	}
	send(done(p.code), wire.Control(oidDirSync, false, wire.Element(wire.TagSequence,
		wire.Integer(wire.TagInteger, p.more), wire.Integer(wire.TagInteger, 0), wire.Octets(wire.TagOctets, p.cookie))))
}

// shown returns the attributes that were asked for; more than three values only in parts.
func (o object) shown(names []string) map[string][]string {
	out := map[string][]string{}
	for name, values := range o.attrs {
		for _, asked := range names {
			first := 0
			plain, bounds, ranged := strings.Cut(asked, ";range=")
			if !strings.EqualFold(plain, name) {
				continue
			}
			if ranged {
				low, _, _ := strings.Cut(bounds, "-")
				first, _ = strconv.Atoi(low)
			}
			switch rest := values[min(first, len(values)):]; {
			case len(rest) > 3:
				out[name+";range="+strconv.Itoa(first)+"-"+strconv.Itoa(first+2)] = rest[:3]
				out[name] = nil
			case ranged:
				out[name+";range="+strconv.Itoa(first)+"-*"] = rest
			default:
				out[name] = rest
			}
		}
	}
	return out
}

// query is what a search request asks for.
type query struct {
	base       string
	attributes []string
}

func parseQuery(m wire.Message) (q query) {
	rest := m.Value
	q.base, rest, _ = wire.Expect(rest, wire.TagOctets)
	for range 6 { // scope, aliases, both limits, names only, filter
		_, _, rest, _ = wire.Next(rest)
	}
	list, _, _ := wire.Expect(rest, wire.TagSequence)
	for list != "" {
		var name string
		name, list, _ = wire.Expect(list, wire.TagOctets)
		q.attributes = append(q.attributes, name)
	}
	return q
}

func entry(dn string, attrs map[string][]string) []byte {
	var list [][]byte
	for name, values := range attrs {
		var set [][]byte
		for _, value := range values {
			set = append(set, wire.Octets(wire.TagOctets, value))
		}
		list = append(list, wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, name), wire.Element(wire.TagSet, set...)))
	}
	slices.SortFunc(list, slices.Compare)
	return wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, dn), wire.Element(wire.TagSequence, list...))
}

func done(code int) []byte {
	return wire.Element(wire.SearchDone, wire.Integer(wire.TagEnumerated, code), wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, "because"))
}
