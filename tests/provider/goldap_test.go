package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestGoLDAP01NewCookieIsRead: the library's decoder leaves it empty.
func TestGoLDAP01NewCookieIsRead(t *testing.T) {
	s := harness.NewSlapd(t)
	session := follow(t, newSource(t, s), nil)
	session.refresh()
	for range 3 {
		s.Set(harness.StaffDN, "description", "x")
		e := session.event()
		csns, err := newProbe(t, s, harness.BaseDN).Position(t.Context())
		if e.Kind != listener.Position || err != nil || len(csns) != 1 || !strings.HasSuffix(string(e.Cookie), "csn="+csns[0]) {
			t.Errorf("%+v while the server is at %q, %v", e, csns, err)
		}
		s.Set(harness.StaffDN, "description")
		session.event()
	}
}

// TestGoLDAP03SessionsHaveNoAge: the timeout bounds connecting, not how long a session lasts or how slow its reader is.
func TestGoLDAP03SessionsHaveNoAge(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = people(100) })
	source := newSource(t, s, func(c *syncrepl.Config) { c.Server.Timeout = 200 * time.Millisecond })
	begin, read := time.Now(), 0
	for event, err := range source.Events(t.Context(), nil) {
		if err != nil {
			t.Fatalf("after %d events, %s: %v", read, time.Since(begin), err)
		}
		if event.Kind == listener.RefreshEnd {
			break
		}
		read++
		<-time.After(5 * time.Millisecond)
	}
	if took := time.Since(begin); read != 100 || took < 2*200*time.Millisecond {
		t.Errorf("%d entries in %s", read, took)
	}
}

// TestGoLDAP04SlowReaderStallsNobodyElse: each session has a connection of its own.
func TestGoLDAP04SlowReaderStallsNobodyElse(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = people(2000) })
	session := follow(t, newSource(t, s), nil)
	session.event() // and no more, so that the server cannot write on
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := newProbe(t, s, harness.BaseDN).Position(ctx); err != nil {
		t.Error(err)
	}
	s.Set(harness.StaffDN, "description", "x")
}

// TestGoLDAP05ClosingDoesNotHang although the server is in the middle of sending and nobody reads.
func TestGoLDAP05ClosingDoesNotHang(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = people(2000) })
	for _, cancelled := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		var begin time.Time
		for range newSource(t, s).Events(ctx, nil) {
			if begin.IsZero() {
				begin = time.Now()
			}
			if !cancelled {
				break
			}
			cancel()
		}
		cancel()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("cancelled %t: closing has taken %s", cancelled, took)
		}
	}
}

// TestGoLDAP06StoppingAbandonsTheSearch: the server is told, instead of sending on until it notices.
func TestGoLDAP06StoppingAbandonsTheSearch(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.Monitor = true })
	for name, extended := range map[string]bool{"Abandon": false, "Extended": true} {
		before := operations(t, s, name)
		conn, err := connect.Open(t.Context(), server(s))
		if err != nil {
			t.Fatal(err)
		}
		conn.Cancel = extended
		source := newSource(t, s)
		source.Use(conn)
		for event := range source.Events(t.Context(), nil) {
			if event.Kind == listener.RefreshEnd {
				break
			}
		}
		harness.Await(t, "the operation "+name, func() bool { return operations(t, s, name) > before })
	}
}

// operations returns how many operations of a kind the server has seen.
func operations(t *testing.T, s *harness.Slapd, kind string) int {
	t.Helper()
	result, err := s.Conn.Search(ldap.NewSearchRequest("cn="+kind+",cn=Operations,cn=Monitor", ldap.ScopeBaseObject,
		ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"monitorOpInitiated"}, nil))
	if err != nil || len(result.Entries) != 1 {
		t.Fatalf("asking for %s: %v", kind, err)
	}
	n := 0
	for _, digit := range result.Entries[0].GetAttributeValue("monitorOpInitiated") {
		n = 10*n + int(digit-'0')
	}
	return n
}

// TestGoLDAP09NoticeOfDisconnectionIsTheReason: slapd sends one to who asks for what LDAP has not.
func TestGoLDAP09NoticeOfDisconnectionIsTheReason(t *testing.T) {
	s := harness.NewSlapd(t)
	conn, err := connect.Open(t.Context(), server(s))
	if err != nil {
		t.Fatal(err)
	}
	operation, err := search.Query{Base: harness.BaseDN, Scope: search.Entry, Attributes: []string{"1.1"}}.Operation()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := search.Begin(conn, operation)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for {
		m, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Operation == wire.SearchDone {
			break
		}
	}
	if _, err := conn.Write(wire.Request(9, wire.Element(0x7d))); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Next()
	if gone, ok := errors.AsType[*wire.Disconnection](err); !ok || gone.Code != ldap.LDAPResultProtocolError {
		t.Errorf("the reason is %v", err)
	}
}

// TestGoLDAP10ControlsDoNotPileUp: one source serves many sessions, and each request is made anew.
func TestGoLDAP10ControlsDoNotPileUp(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	source := newSource(t, s)
	var cookie []byte
	for _, uid := range []string{"anna", "bert", "carl"} {
		n.add(s, uid)
		events, _, next := sync(t, source, cookie)
		compare(t, "events", []string{"content " + uid + " " + uid + "@example.test"}, n.show(events...))
		cookie = next
	}
}

// TestGoLDAP11PartialResultsAreNoResult: what came before a refusal ends no refresh and moves no position.
func TestGoLDAP11PartialResultsAreNoResult(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF, c.Limits = people(20), "size=5" })
	events, err := follow(t, newSource(t, s), nil).err()
	if result, ok := errors.AsType[*wire.Result](err); !ok || result.Code != 4 || len(events) != 5 {
		t.Errorf("%d events, then %v", len(events), err)
	}
	for _, e := range events {
		if e.Kind != listener.Content || len(e.Cookie) > 0 {
			t.Errorf("event %+v", e)
		}
	}
}

// TestGoLDAP13HandshakesAreBounded: a server that agrees to TLS and then is silent does not keep the next one from being
// tried.
func TestGoLDAP13HandshakesAreBounded(t *testing.T) {
	s := harness.NewSlapd(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		conn, err := silent.Accept()
		if err != nil {
			return // closed
		}
		defer conn.Close()
		in := wire.NewReader(conn, 0)
		if _, err := in.Next(); err == nil {
			_, _ = conn.Write(wire.Request(1, wire.Element(wire.ExtendedResponse, wire.Integer(wire.TagEnumerated, 0),
				wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, ""))))
		}
		_, _ = in.Next() // never answered
		_, _ = in.Next()
	}()
	c := server(s)
	c.URLs = []string{"ldap://" + silent.Addr().String(), s.URL()}
	c.StartTLS, c.CAFile, c.Timeout, c.Memory = connect.Require, s.CA.CertFile, time.Second, connect.NewMemory()
	conn, err := connect.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, encrypted := conn.Conn.(*tls.Conn); !encrypted || conn.URL != s.URL() {
		t.Errorf("connected to %s, encrypted %t", conn.URL, encrypted)
	}
	if notes := c.Memory.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "TLS handshake") && !strings.Contains(notes[0], "not done within 1s") {
		t.Errorf("notes %q", notes)
	}
}

// TestGoLDAP14OptionsAreNoOtherAttributes: values with options come under names of their own, and are found by those.
func TestGoLDAP14OptionsAreNoOtherAttributes(t *testing.T) {
	s := harness.NewSlapd(t)
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	s.Set(harness.DN("anna"), "cn;lang-de", "Änne")
	events, _, _ := sync(t, newSource(t, s, func(c *syncrepl.Config) { c.Attributes = []string{"CN", "objectClass"} }), nil)
	if len(events) != 1 || events[0].Entry.First("cn") != "anna" || events[0].Entry.First("CN;LANG-DE") != "Änne" {
		t.Errorf("%+v", events[0].Entry)
	}
}
