package account_test

import (
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestPOP3 reads mail over POP3 (RFC 1939), and ends the session of a closed account there too.
func TestPOP3(t *testing.T) {
	t.Parallel()
	port := harness.Port(t)
	host := newHost(t, fmt.Sprintf("mail/dovecot/pop3/port=%d", port))
	addPerson(host, "anna")
	host.Wait()
	if err := host.Dovecot.Deliver("anna@example.test", "for POP3"); err != nil {
		t.Fatal(err)
	}
	session := dialPOP3(t, port)
	session.say("USER anna@example.test", "+OK")
	session.say("PASS "+harness.Password, "+OK")
	session.say("STAT", "+OK 1 ")
	session.say("RETR 1", "+OK")
	lines, err := session.ReadDotLines()
	if err != nil || !strings.Contains(strings.Join(lines, "\n"), "Subject: for POP3") {
		t.Errorf("read %q, %v", lines, err)
	}

	host.Slapd.Set(harness.DN("anna"), "shadowExpire", "1")
	host.Wait()
	if line, err := session.ReadLine(); err == nil && !strings.HasPrefix(line, "-ERR") {
		t.Errorf("the session of the closed account goes on: %q", line)
	}
	again := dialPOP3(t, port)
	again.say("USER anna@example.test", "+OK")
	again.say("PASS "+harness.Password, "-ERR")
}

// pop3 is a POP3 session.
type pop3 struct {
	*textproto.Conn
	t *testing.T
}

func dialPOP3(t *testing.T, port int) *pop3 {
	t.Helper()
	conn, err := textproto.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	greeting, err := conn.ReadLine()
	if err != nil || !strings.HasPrefix(greeting, "+OK") {
		t.Fatalf("greeted with %q, %v", greeting, err)
	}
	return &pop3{conn, t}
}

// say sends a command and demands how the answer begins.
func (p *pop3) say(command, want string) {
	p.t.Helper()
	if err := p.PrintfLine("%s", command); err != nil {
		p.t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := p.ReadLine() // a connection that ends gives an answer that is not wanted
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.HasPrefix(line, want) {
			p.t.Errorf("%s: %q, want %q", command, line, want)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("%s: no answer", command)
	}
}
