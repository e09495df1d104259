package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/transfer/ledger"
	"github.com/mailreg/mailreg/schema"
)

func address(text string) schema.Address {
	a, err := schema.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

// TestTables holds each state to what Dovecot is told of it.
func TestTables(t *testing.T) {
	const staying = "anna@x.test::5000:5000::/home/anna::noauthenticate=y userdb_user=anna@x.test"
	tests := []struct {
		d        Direction
		state    State
		change   func(*Move)
		staying  bool
		moving   bool
		incoming bool
	}{
		{Out, Copying, nil, true, false, false},
		{Out, Frozen, nil, true, true, false},
		{Out, Committing, nil, true, true, false},
		{Out, Committed, nil, true, true, false},
		{Out, Committed, func(m *Move) { m.Home = "" }, false, true, false},
		{Out, Copying, func(m *Move) { m.Ahead = true }, false, false, false},
		{Out, Frozen, func(m *Move) { m.GivenUp = true }, false, false, false},
		{In, Awaiting, nil, false, true, false},
		{In, Receiving, nil, false, true, true},
		{In, Receiving, func(m *Move) { m.Awaited = false }, false, false, true},
		{In, Opening, nil, false, true, false},
		{In, Opened, nil, false, false, false},
	}
	for _, test := range tests {
		m := Move{
			Address: address("anna@x.test"), Names: []string{"anna@x.test"}, Home: "/home/anna", UID: 5000, GID: 5000,
			State: test.state, Awaited: test.d == In,
		}
		if test.change != nil {
			test.change(&m)
		}
		var out, in []Move
		if test.d == Out {
			out = append(out, m)
		} else {
			in = append(in, m)
		}
		got := tables(out, in)
		if has := slices.Contains(got["staying"], staying); has != test.staying {
			t.Errorf("%s %s: staying %q", test.d, test.state, got["staying"])
		}
		if has := slices.Contains(got["moving-lmtp"], "anna@x.test:::::::"); has != test.moving {
			t.Errorf("%s %s: moving %q", test.d, test.state, got["moving-lmtp"])
		}
		if has := len(got["incoming-doveadm"]) == 1; has != test.incoming {
			t.Errorf("%s %s: incoming %q", test.d, test.state, got["incoming-doveadm"])
		}
		if _, has := got["moving-doveadm"]; has {
			t.Error("doveadm is kept out")
		}
	}
}

// TestTablesAreNotBroken proves that no name of the directory becomes a line or a field of its own.
func TestTablesAreNotBroken(t *testing.T) {
	m := Move{
		Address: address("anna@x.test"), State: Frozen, Home: "/h",
		Names: []string{"a:b", "a\nroot", "#a", "a b", "", "\x00", "ünder", "anna"},
	}
	want := []string{"anna:::::::", "anna@x.test:::::::", "ünder:::::::"}
	if diff := cmp.Diff(want, tables([]Move{m}, nil)["moving-imap"]); diff != "" {
		t.Error(diff)
	}
}

// TestForUser lets nothing through a tunnel but the copy of its user.
func TestForUser(t *testing.T) {
	const version = "VERSION\tdoveadm-server\t1\t2\n"
	for text, good := range map[string]bool{
		version + "\ta@x.test\tdsync-server\t-ua@x.test\nrest": true,
		version + "\tb@x.test\tdsync-server\t-ub@x.test\n":     false,
		version + "\ta@x.test\tdsync-server\t-ub@x.test\n":     false,
		version + "\ta@x.test\tdsync-server\t-ua@x.test\t-A\n": false,
		version + "x\ta@x.test\tdsync-server\t-ua@x.test\n":    false,
		version + "Dv\ta@x.test\tdsync-server\t-ua@x.test\n":   true,
		version + "\ta@x.test\tfetch\t-ua@x.test\n":            false,
		version + "\ta@x.test\texpunge\tmailbox\tINBOX\n":      false,
		strings.Repeat(version, 20):                            false,
		"VERSION" + strings.Repeat("\t", 1<<20):                false,
		"":                                                     false,
	} {
		var passed bytes.Buffer
		r := bufio.NewReader(strings.NewReader(text))
		err := forUser(r, &passed, "a@x.test")
		rest, _ := io.ReadAll(r)
		if (err == nil) != good || good && passed.String()+string(rest) != text {
			t.Errorf("%q: %v, passed %q", text, err, passed.String())
		}
		if !good && strings.Contains(passed.String(), "a@x.test") {
			t.Errorf("%q: passed on %q", text, passed.String())
		}
	}
}

// TestMissing decides whether a copy may be opened.
func TestMissing(t *testing.T) {
	here := map[string]backend.Box{"INBOX": {Messages: 2, UIDNext: 3, UIDValidity: 7, Modseq: 9}, "Empty": {UIDValidity: 1, UIDNext: 1}}
	copyOf := func(change func(map[string]backend.Box)) map[string]backend.Box {
		c := map[string]backend.Box{"INBOX": {Messages: 2, UIDNext: 3, UIDValidity: 7, Modseq: 1}}
		change(c)
		return c
	}
	for want, change := range map[string]func(map[string]backend.Box){
		"":      func(map[string]backend.Box) {},
		"INBOX": func(c map[string]backend.Box) { c["INBOX"] = backend.Box{Messages: 2, UIDNext: 3, UIDValidity: 8} },
	} {
		if got := missing(here, copyOf(change)); got != want {
			t.Errorf("missing %q, want %q", got, want)
		}
	}
	if got := missing(here, nil); got != "INBOX" {
		t.Errorf("without a copy: %q", got)
	}
}

// TestKeys lets two hosts talk that have the same secret, and no others.
func TestKeys(t *testing.T) {
	talk := func(mine, theirs string) error {
		var a, b keyring
		client, err := a.tls(mine)
		if err != nil {
			t.Fatal(err)
		}
		server, err := b.tls(theirs)
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		accepted := make(chan error, 1)
		go func() {
			conn := tls.Server(far, server)
			defer far.Close()
			accepted <- conn.HandshakeContext(t.Context())
		}()
		conn := tls.Client(near, client)
		defer near.Close()
		return errors.Join(conn.HandshakeContext(t.Context()), <-accepted)
	}
	if err := talk("0123456789abcdef", "0123456789abcdef"); err != nil {
		t.Error(err)
	}
	if err := talk("0123456789abcdef", "0123456789abcdeF"); err == nil {
		t.Error("hosts with different secrets talk to each other")
	}
	if _, err := new(keyring).tls(""); err == nil {
		t.Error("a key was made of no secret")
	}
}

// spool stands in for the spool and Dovecot of a host: what they do is proved by tests/transfer.
type spool struct {
	withdrawn int
	arrived   []schema.Address
	// arriving runs while a store arrives.
	arriving func()
}

func (s *spool) Place(context.Context, schema.UUID, ...schema.Address) (string, bool, error) {
	return "/home/anna", true, nil
}

func (s *spool) HasMail(context.Context, schema.UUID, ...schema.Address) (bool, error) {
	return false, nil
}

func (s *spool) Arrive(_ context.Context, o backend.Owner, _ bool) error {
	s.arrived = append(s.arrived, o.Address)
	if do := s.arriving; do != nil {
		s.arriving = nil
		do()
	}
	return nil
}
func (s *spool) Account() (int, int)                                     { return 5000, 5000 }
func (s *spool) Incoming(context.Context, backend.Owner) (string, error) { return "/in/anna", nil }
func (s *spool) Withdraw(context.Context, backend.Owner) error           { s.withdrawn++; return nil }
func (s *spool) Retire(context.Context, backend.Away, bool) error        { return nil }
func (s *spool) Flush(context.Context, ...string) error                  { return nil }
func (s *spool) Kick(context.Context, ...string) error                   { return nil }

func newService(root string) (*Service, *spool) {
	b := &spool{}
	return New(Config{Root: root, Backend: func() (Backend, error) { return b, nil }}), b
}

// TestIntents writes down what the handler mailbox wants, finds it again after a crash, and turns it round.
func TestIntents(t *testing.T) {
	root := t.TempDir()
	s, b := newService(root)
	uuid := schema.UUID{1}
	j := mailbox.Journey{UUID: uuid, From: address("a@x.test"), To: address("b@x.test"), Peer: "mail2.x.test", Names: []string{"a", "b@x.test"}}
	engaged := func(s *Service, leaves, comes bool) {
		t.Helper()
		l, c, err := s.Engaged(uuid)
		if err != nil || l != leaves || c != comes {
			t.Errorf("leaves %v, comes %v, %v; want %v, %v", l, c, err, leaves, comes)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.HandOver(t.Context(), j))
	must(s.HandOver(t.Context(), j))
	engaged(s, true, false)
	again, _ := newService(root)
	engaged(again, true, false)
	before, _ := s.get(Out, uuid)
	after, _ := again.get(Out, uuid)
	if before.ID == "" || before.ID != after.ID || after.Former != j.From || after.Home != "/home/anna" {
		t.Errorf("on the disk: %+v, want %+v", after, before)
	}
	told, err := ledger.Read(root) // what the command line knows while the daemon is away
	if must(err); len(told) != 1 || told[0].Direction != "out" || told[0].UUID != uuid || told[0].Peer != j.Peer || told[0].State != "copying" || told[0].Entered.IsZero() {
		t.Errorf("told of it: %+v", told)
	}
	table, err := os.ReadFile(filepath.Join(root, "var/lib/mailreg/dovecot/staying"))
	if err != nil || strings.Count(string(table), "\n") != 2 {
		t.Errorf("staying: %q, %v", table, err)
	}

	away, err := s.TakeBack(t.Context(), j)
	if must(err); away {
		t.Error("the mail is away before it was copied")
	}
	engaged(s, true, false) // until the other host has forgotten it
	if m, _ := s.get(Out, uuid); !m.GivenUp {
		t.Error("the move goes on")
	}
	must(s.HandOver(t.Context(), j))
	for _, state := range []State{Committing, Committed} {
		_, err := s.update(Out, uuid, func(m *Move) error { m.State = state; return nil })
		must(err)
		away, err := s.TakeBack(t.Context(), j)
		if must(err); !away {
			t.Errorf("%s: the mail is taken back", state)
		}
		engaged(s, true, true)
		must(s.Cancel(t.Context(), uuid))
		engaged(s, true, false)
	}
	if b.withdrawn != 2 {
		t.Errorf("%d copies withdrawn", b.withdrawn)
	}
	must(s.drop(Out, uuid))
	engaged(s, false, false)
}

// TestOpenOnce proves that only the move that has copied can open, and none after it was given up.
func TestOpenOnce(t *testing.T) {
	s, _ := newService(t.TempDir())
	uuid := schema.UUID{1}
	if err := s.Await(t.Context(), mailbox.Journey{UUID: uuid, To: address("a@x.test"), Peer: "mail1.x.test"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.update(In, uuid, func(m *Move) error { m.ID, m.State = "one", Receiving; return nil })
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id string, do func(context.Context, order, schema.Address) (answer, error)) State {
		t.Helper()
		a, err := do(t.Context(), order{UUID: uuid, ID: id, From: "mail1.x.test"}, address("a@x.test"))
		if err != nil {
			t.Fatal(err)
		}
		return a.State
	}
	if state := ask("two", s.open); state != "" {
		t.Errorf("another move opens: %s", state)
	}
	if state := ask("one", s.abort); state != Awaiting {
		t.Errorf("given up, it is %q", state)
	}
	s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) { return nil, nil }
	if state := ask("one", s.open); state != Awaiting {
		t.Errorf("opened after it was given up: %s", state)
	}
}

// TestPrepareForAnother proves that no copy comes for a user under the address of another one.
func TestPrepareForAnother(t *testing.T) {
	s, _ := newService(t.TempDir())
	set(t, s, "hostname: mail1")
	s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) {
		return &schema.Mailbox{Primary: address("ben@x.test")}, nil
	}
	o := order{UUID: schema.UUID{1}, ID: "one", From: "mail2.x.test"}
	if _, err := s.prepare(t.Context(), o, address("anna@x.test")); err == nil || !strings.Contains(err.Error(), "anna@x.test") {
		t.Errorf("a copy of ben comes as anna: %v", err)
	}
	s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) {
		return &schema.Mailbox{Primary: address("anna@x.test")}, nil
	}
	if err := s.Await(t.Context(), mailbox.Journey{UUID: schema.UUID{2}, To: address("anna@x.test"), Peer: "mail2.x.test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.prepare(t.Context(), o, address("anna@x.test")); err == nil || !strings.Contains(err.Error(), "anna@x.test") {
		t.Errorf("anna comes twice: %v", err)
	}
	if _, found := s.get(In, o.UUID); found {
		t.Error("a move was noted")
	}
}

// TestBackOff tries a host that is away again later and later, and others at once.
func TestBackOff(t *testing.T) {
	s, _ := newService(t.TempDir())
	one := track{Out, schema.UUID{1}}
	for range 3 {
		s.note(one, "mail2.x.test", &unreachable{errors.New("no route")})
	}
	if left := time.Until(s.troubles[one].next); left < time.Second || left > 3*time.Second {
		t.Errorf("the third try comes in %s", left)
	}
	if len(s.away) != 1 {
		t.Errorf("away: %v", s.away)
	}
	s.note(one, "mail2.x.test", &later{"waits", time.Minute})
	if len(s.away) != 0 || s.troubles[one].tries != 0 {
		t.Errorf("after an answer: %v, %+v", s.away, s.troubles[one])
	}
}

// across returns what drives the move of a user here, asking another host of which the test has the service.
func across(t *testing.T, here, there *Service, uuid schema.UUID) *leg {
	t.Helper()
	config, err := here.keys.tls("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = there.serveOn(t.Context(), tls.NewListener(l, config)) }()
	m, _ := here.get(Out, uuid)
	b, err := here.cfg.Backend()
	if err != nil {
		t.Fatal(err)
	}
	return &leg{
		Service: here, m: m, b: b, set: settings{host: "mail1.x.test"},
		peer: &peer{name: "mail2.x.test", address: l.Addr().String(), config: config},
	}
}

// TestNotOpened has the other host refuse to open: what the directory has said meanwhile counts then. Nobody waits for mail
// that has never left.
func TestNotOpened(t *testing.T) {
	uuid := schema.UUID{1}
	for home, want := range map[string]Move{
		"mail1.x.test": {State: Copying, GivenUp: true, Peer: "mail2.x.test"},
		"mail2.x.test": {State: Copying, Peer: "mail2.x.test"},
		"mail3.x.test": {State: Copying, Peer: "mail3.x.test"},
	} {
		here, b := newService(t.TempDir())
		there, _ := newService(t.TempDir())
		here.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) {
			return &schema.Mailbox{UUID: uuid, Primary: address("b@x.test"), HomeServer: home}, nil
		}
		j := mailbox.Journey{UUID: uuid, From: address("a@x.test"), To: address("b@x.test"), Peer: "mail2.x.test"}
		if err := here.HandOver(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if _, err := here.update(Out, uuid, func(m *Move) error { m.State = Committing; return nil }); err != nil {
			t.Fatal(err)
		}
		if home == "mail1.x.test" {
			if away, err := here.TakeBack(t.Context(), j); err != nil || !away {
				t.Fatalf("taken back while the other host may open: %v, %v", away, err)
			}
		}
		l := across(t, here, there, uuid)
		if err := l.unask(t.Context()); err == nil {
			t.Error("what was not opened is no error")
		}
		got, _ := here.get(Out, uuid)
		if got.State != want.State || got.GivenUp != want.GivenUp || got.Peer != want.Peer {
			t.Errorf("at home on %s: %s to %s, given up %v", home, got.State, got.Peer, got.GivenUp)
		}
		if !got.GivenUp {
			continue
		}
		if err := l.giveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if leaves, comes, err := here.Engaged(uuid); err != nil || leaves || comes {
			t.Errorf("at home again: leaves %v, comes %v, %v", leaves, comes, err)
		}
		if !slices.Equal(b.arrived, []schema.Address{address("b@x.test")}) {
			t.Errorf("let in by %q", b.arrived)
		}
	}
}

// TestRenamedWhileArriving changes the address while the mail comes into its place.
func TestRenamedWhileArriving(t *testing.T) {
	s, b := newService(t.TempDir())
	uuid := schema.UUID{1}
	await := func(to string) {
		t.Helper()
		if err := s.Await(t.Context(), mailbox.Journey{UUID: uuid, To: address(to), Peer: "mail1.x.test"}); err != nil {
			t.Fatal(err)
		}
	}
	await("a@x.test")
	if _, err := s.update(In, uuid, func(m *Move) error { m.State = Opening; return nil }); err != nil {
		t.Fatal(err)
	}
	b.arriving = func() { await("b@x.test") }
	if err := s.finish(t.Context(), uuid); err == nil {
		t.Error("opened under the former address")
	}
	if err := s.finish(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
	want := []schema.Address{address("a@x.test"), address("b@x.test")}
	if m, _ := s.get(In, uuid); m.State != Opened || !slices.Equal(b.arrived, want) {
		t.Errorf("%s after the mail arrived for %q", m.State, b.arrived)
	}
}
