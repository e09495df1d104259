package sieve_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// scripts is a ManageSieve session (RFC 5804).
type scripts struct {
	t    *testing.T
	text *textproto.Conn
}

// logIn opens a session as a person.
func logIn(t *testing.T, port int, user string) *scripts {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s := &scripts{t: t, text: textproto.NewConn(conn)}
	s.answer()
	token := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + harness.Password))
	s.ask(`AUTHENTICATE "PLAIN" "` + token + `"`)
	return s
}

// ask sends a command, demands OK and returns the lines before it.
func (s *scripts) ask(command string) []string {
	s.t.Helper()
	if err := s.text.PrintfLine("%s", command); err != nil {
		s.t.Fatal(err)
	}
	return s.answer()
}

func (s *scripts) answer() (lines []string) {
	s.t.Helper()
	for {
		line, err := s.text.ReadLine()
		switch {
		case err != nil:
			s.t.Fatalf("ManageSieve: %v", err)
		case strings.HasPrefix(line, "OK"):
			return lines
		case strings.HasPrefix(line, "NO"), strings.HasPrefix(line, "BYE"):
			s.t.Fatalf("ManageSieve: %s", line)
		}
		lines = append(lines, line)
	}
}

// put stores a script.
func (s *scripts) put(name, script string) {
	s.t.Helper()
	s.ask(fmt.Sprintf("PUTSCRIPT %q {%d+}\r\n%s", name, len(script), script))
}
