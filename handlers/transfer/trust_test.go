package transfer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// set gives a service settings, which may be changed while it runs.
func set(t *testing.T, s *Service, lines ...string) {
	t.Helper()
	if s.cfg.View == nil {
		s.cfg.View = registry.Open(s.cfg.Root).View
	}
	text := "# mailreg layer file 1: base.conf\ndomainname: x.test\n" + strings.Join(lines, "\n") + "\n# end of base.conf\n"
	file := filepath.Join(s.cfg.Root, "etc/mailreg/base.conf")
	err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file))
	if err != nil {
		t.Fatal(err)
	}
}

// TestExpected lets another host with the secret bring the mail of those alone of whom the replica here says so.
func TestExpected(t *testing.T) {
	for _, test := range []struct {
		name          string
		address, home string // of the user as the replica here has it; no address for none
		ahead         bool
		here          bool
		want          string // why it is refused, "" when it is not
	}{
		{"at home here", "anna@x.test", "mail2.x.test", false, true, ""},
		{"at home everywhere", "anna@x.test", "", false, true, ""},
		{"ahead of the directory", "anna@x.test", "mail1.x.test", true, false, ""},
		{"ahead of our replica", "anna@x.test", "mail1.x.test", false, false, ""},
		{"unknown", "", "", false, false, "no user 01000000-0000-0000-0000-000000000000 is known there"},
		{"unknown and ahead", "", "", true, false, "no user 01000000-0000-0000-0000-000000000000 is known there"},
		{"another address", "ben@x.test", "mail2.x.test", false, false, "is ben@x.test there, not anna@x.test"},
		{"at home on a third host", "anna@x.test", "mail3.x.test", true, false, "anna@x.test is at home on mail3.x.test"},
	} {
		s, _ := newService(t.TempDir())
		set(t, s, "hostname: mail2")
		s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) {
			if test.address == "" {
				return nil, nil
			}
			return &schema.Mailbox{UUID: schema.UUID{1}, Primary: address(test.address), HomeServer: test.home}, nil
		}
		o := order{UUID: schema.UUID{1}, ID: "one", From: "mail1.x.test", Ahead: test.ahead}
		here, err := s.expected(t.Context(), o, address("anna@x.test"))
		if here != test.here || (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: here %v, %v", test.name, here, err)
		}
		if err == nil {
			continue
		}
		if !errors.As(err, new(*notYet)) {
			t.Errorf("%s: is refused for good", test.name)
		}
		if _, err := s.prepare(t.Context(), o, address("anna@x.test")); err == nil {
			t.Errorf("%s: is prepared", test.name)
		}
		if _, found := s.get(In, o.UUID); found {
			t.Errorf("%s: a move was noted", test.name)
		}
	}
}

// TestRefusedYet has a host refuse who it does not know yet: that is waited for, and a person is told when it takes long.
func TestRefusedYet(t *testing.T) {
	here, _ := newService(t.TempDir())
	there, b := newService(t.TempDir())
	set(t, there, "hostname: mail2")
	there.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) { return nil, nil }
	uuid := schema.UUID{1}
	if err := here.begin(&Move{UUID: uuid, Address: address("anna@x.test"), Peer: "mail2.x.test"}); err != nil {
		t.Fatal(err)
	}
	l := across(t, here, there, uuid)
	const want = "mail2.x.test: no user 01000000-0000-0000-0000-000000000000 is known there"
	wait := &later{}
	if err := l.copy(t.Context()); !errors.As(err, &wait) || wait.why != want {
		t.Errorf("the first answer: %v", err)
	}
	l.m.Entered = time.Now().Add(-2 * stepLimit)
	if err := l.copy(t.Context()); err == nil || errors.As(err, &wait) || err.Error() != want {
		t.Errorf("after long: %v", err)
	}
	if b.withdrawn != 0 || len(there.in) != 0 {
		t.Errorf("noted there: %v", there.in)
	}
}

// TestFront changes the settings of a service that serves: they count without a restart, and what is in the way is told.
func TestFront(t *testing.T) {
	t.Parallel()
	s, _ := newService(t.TempDir())
	ports := [2]string{freePort(t), freePort(t)}
	front := func(port, secret string) []string {
		return []string{
			"hostname: mail2", "mail/homeserver/transfer: yes", "mail/homeserver/transfer/listen: 127.0.0.1",
			"mail/homeserver/transfer/port: " + port, "mail/homeserver/transfer/secret: " + secret,
		}
	}
	const first, second = "0123456789abcdef", "fedcba9876543210"
	keys := map[string]*keyring{first: {}, second: {}}
	talks := func(port, secret string) bool {
		set, err := keys[secret].tls(secret)
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{name: "mail2.x.test", address: net.JoinHostPort("127.0.0.1", port), config: set.Clone()}
		_, err = p.call(t.Context(), "done", order{UUID: schema.UUID{1}, ID: "one", Address: "anna@x.test", From: "mail1.x.test"})
		return err == nil
	}
	set(t, s, "hostname: mail2")
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- s.serveAlways(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for _, step := range []struct {
		port, secret string
		gone         string // the port at which nobody answers any more
	}{{ports[0], first, ""}, {ports[1], first, ports[0]}, {ports[1], second, ""}} {
		set(t, s, front(step.port, step.secret)...)
		eventually(t, "serving at "+step.port, func() bool { return talks(step.port, step.secret) })
		if step.gone != "" && talks(step.gone, step.secret) {
			t.Errorf("still served at %s", step.gone)
		}
	}
	if talks(ports[1], first) {
		t.Error("the former secret lets in")
	}
	if _, err := os.Stat(filepath.Join(s.cfg.Root, "var/lib/mailreg/dovecot/staying")); err != nil {
		t.Errorf("what Dovecot reads from now on: %v", err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:"+ports[0])
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, front(ports[0], second)...)
	eventually(t, "a note", func() bool { return strings.Contains(strings.Join(s.Notes(), "\n"), "address already in use") })
	_ = other.Close()
	eventually(t, "serving where another one did", func() bool { return talks(ports[0], second) && len(s.Notes()) == 0 })
	set(t, s, "hostname: mail2")
	eventually(t, "being off", func() bool { return !talks(ports[0], second) })
}

// freePort returns a port of loopback that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// TestForeignCopy lets nobody but the host that has begun a move send the mail of it.
func TestForeignCopy(t *testing.T) {
	s, at, _, friend := besieged(t)
	uuid := schema.UUID{1}
	p := &peer{name: "mail2.x.test", address: at, config: friend}
	for state, add := range map[State]bool{Receiving: false, Opened: true} {
		s.mu.Lock()
		err := errors.Join(s.load(), s.put(In, &Move{UUID: uuid, ID: "one", State: state, Address: address("anna@x.test"), Peer: "mail1.x.test"}))
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) { return nil, nil }
		for id, want := range map[string]string{
			"two": "nobody comes by this move", "": "", "../x/one": "nobody comes by this move", "one": "reaching the mail server",
		} {
			conn, err := p.tunnel(t.Context(), Move{UUID: uuid, ID: id}, add)
			if conn != nil {
				_ = conn.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s by %q: %v, want %q", state, id, err, want)
			}
		}
	}
}
