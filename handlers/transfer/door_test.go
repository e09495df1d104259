package transfer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGuests counts connections and failures.
func TestGuests(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	g := &guests{}
	for range mostFromOne {
		if err := g.enter(one, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.enter(one, now); !errors.Is(err, errTooMany) {
		t.Errorf("one more from one host: %v", err)
	}
	if err := g.enter(two, now); err != nil {
		t.Errorf("from another one: %v", err)
	}
	if g.leave(one); g.enter(one, now) != nil {
		t.Error("one has left, and none may come")
	}
	for n := range mostFailures {
		if times := g.failed(two, now); (times > 0) != (n == 0) {
			t.Errorf("failure %d is told: %d", n, times)
		}
	}
	if err := g.enter(two, now); !errors.Is(err, errTooOften) {
		t.Errorf("after %d failures: %v", mostFailures, err)
	}
	if err := g.enter(two, now.Add(failureSpan)); err != nil {
		t.Errorf("a span later: %v", err)
	}
	if times := g.failed(two, now.Add(tellAgain)); times != mostFailures {
		t.Errorf("told of %d failures, want those since it was told last", times)
	}
	for n := range 2 * mostKnown { // a network of its own for each
		from := netip.AddrFrom16([16]byte{0x20, 1, 4: byte(n), 5: byte(n >> 8)})
		g.failed(from, now)
	}
	if len(g.known) > mostKnown || g.known[origin(one)].here != mostFromOne {
		t.Errorf("%d addresses are known, %d connections from one", len(g.known), g.known[origin(one)].here)
	}
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2:3")
	if origin(a) != origin(b) || origin(netip.MustParseAddr("::ffff:192.0.2.1")) != origin(one) {
		t.Error("one host counts as several")
	}
}

// written collects a log.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// besieged returns a service that serves on loopback, where it serves, its log, and what its friends have.
func besieged(t *testing.T) (s *Service, at string, log *written, friend *tls.Config) {
	t.Helper()
	s, _ = newService(t.TempDir())
	log = &written{}
	s.cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	config, err := s.keys.tls("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.serveOn(t.Context(), newDoor(l, config, &s.guests, s.cfg.Logger)) }()
	return s, l.Addr().String(), log, config
}

// TestWithoutSecret has somebody try secrets: they are not heard for long, and the log is not filled.
func TestWithoutSecret(t *testing.T) {
	s, at, log, friend := besieged(t)
	var other keyring
	enemy, err := other.tls("fedcba9876543210")
	if err != nil {
		t.Fatal(err)
	}
	enemy.VerifyPeerCertificate = nil // it takes what it gets
	talk := func(config *tls.Config) error {
		p := &peer{name: "mail2.x.test", address: at, config: config}
		_, err := p.call(t.Context(), "done", order{ID: "one", Address: "anna@x.test", From: "mail1.x.test"})
		return err
	}
	says := func(err error, text string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("answered %v, want %q", err, text)
		}
	}
	says(talk(friend), "no uuid")
	for range 3 * mostFailures {
		if err := talk(enemy); err == nil || errors.As(err, new(*refusal)) {
			t.Fatalf("without the secret: %v", err)
		}
	}
	eventually(t, "being deaf", func() bool {
		return errors.Is(s.guests.enter(netip.MustParseAddr("127.0.0.1"), time.Now()), errTooOften)
	})
	says(talk(friend), "reaching") // it cannot be told from who tries secrets at its address
	if told := strings.Count(log.String(), "cannot prove"); told != 1 {
		t.Errorf("told %d times:\n%s", told, log)
	}
}

// TestTooLarge sends what no host of ours would.
func TestTooLarge(t *testing.T) {
	_, at, log, friend := besieged(t)
	ask := func(head string, body io.Reader) string {
		t.Helper()
		conn, err := tls.Dial("tcp", at, friend)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = io.Copy(conn, io.MultiReader(strings.NewReader(head), body)) }()
		answer, _ := io.ReadAll(io.LimitReader(conn, 4096)) // the other side may close while we are writing
		return string(answer)
	}
	head := fmt.Sprintf("POST /v1/open HTTP/1.1\r\nHost: mailreg\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", 8*maxOrder)
	body := io.MultiReader(strings.NewReader(`{"address":"`), io.LimitReader(endless{}, 8*maxOrder))
	if got := ask(head, body); strings.Contains(got, "200 OK") && !strings.Contains(got, `"error":"`) {
		t.Errorf("a large order: %q", got)
	}
	if got := ask("POST /v1/open HTTP/1.1\r\nX: ", io.LimitReader(endless{}, 1<<20)); strings.Contains(got, " 200 ") {
		t.Errorf("a large head: %q", got)
	}
	vain := strings.Count(log.String(), "asked in vain")
	for n := range 100 {
		order := fmt.Sprintf(`{"address":"no address %d"}`, n)
		ask(fmt.Sprintf("POST /v1/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(order)), strings.NewReader(order))
	}
	if more := strings.Count(log.String(), "asked in vain") - vain; more > 20 {
		t.Errorf("the log has %d lines of one host that asks 100 times", more)
	}
}

// endless is a text without an end.
type endless struct{}

// Read never ends.
func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// pipes is a listener without a network, for a clock of the test's.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// TestSlow has another host say nothing, and one with the secret say little: neither holds a connection for long.
func TestSlow(t *testing.T) {
	var ring keyring
	config, err := ring.tls("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		friend  bool
		says    string
		atMost  time.Duration
		atLeast time.Duration
	}{
		{"silent", false, "", provingLimit, provingLimit},
		{"silent friend", true, "", provingLimit + time.Second, time.Second},
		{"half a head", true, "POST /v1/open HTTP/1.1\r\n", provingLimit + time.Second, time.Second},
		{"half an order", true, "POST /v1/open HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", sendLimit + time.Second, provingLimit},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newService(t.TempDir())
			l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
			served := make(chan error, 1)
			go func() { served <- s.serveOn(t.Context(), newDoor(l, config, &s.guests, s.cfg.Logger)) }()
			near, far := net.Pipe()
			l.conns <- far
			start := time.Now()
			conn := near
			if test.friend {
				conn = tls.Client(near, config)
			}
			if _, err := io.WriteString(conn, test.says); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, conn) // until the other side has enough
			if took := time.Since(start); took < test.atLeast || took > test.atMost {
				t.Errorf("%s: held for %s", test.name, took)
			}
			_ = near.Close()
			synctest.Wait()
			if s.guests.here != 0 {
				t.Errorf("%s: still counted", test.name)
			}
			_ = l.Close()
			<-served
		})
	}
}
