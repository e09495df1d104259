package replica

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// dialLimit bounds connecting and logging in.
const dialLimit = 20 * time.Second

// Login says how to reach a Cyrus.
type Login struct {
	// Address is the path of a unix socket, or HOST:PORT.
	Address string
	// User is an administrator, Secret the path of a file with the password.
	User, Secret string
	// As is in whose name the administrator acts, "" for the own one.
	As string
}

// Session is a connection to an imapd, or to the daemon of another host that leads to one. Its user is an administrator.
type Session struct {
	conn net.Conn
	in   parser
	tags int
	// Sent counts what is sent, when it is set.
	Sent *atomic.Int64
}

// Refused is what Cyrus says to a command that it does not do, such as "NO IMAP_SYNC_CHECKSUM Checksum Failure".
type Refused struct{ Command, Text string }

// Error tells both.
func (r *Refused) Error() string { return "Cyrus: " + r.Command + ": " + r.Text }

// refusedWith reports whether Cyrus refused a command with a code of its own (imap/imap_err.et).
func refusedWith(err error, code string) bool {
	r := (*Refused)(nil)
	return errors.As(err, &r) && strings.Contains(r.Text, code)
}

// Dial logs in. The session ends with the context.
func Dial(ctx context.Context, l Login) (*Session, error) {
	secret, err := os.ReadFile(l.Secret)
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's password: %w", err)
	}
	network := "tcp"
	if strings.HasPrefix(l.Address, "/") {
		network = "unix"
	}
	within, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(within, network, l.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(within, func() { _ = conn.Close() })
	defer stop()
	s := Over(ctx, conn)
	greeting, err := s.in.line()
	if err == nil && !strings.HasPrefix(greeting, "* OK") {
		err = fmt.Errorf("no greeting: %.80q", greeting)
	}
	if err == nil {
		plain := base64.StdEncoding.EncodeToString([]byte(l.As + "\x00" + l.User + "\x00" + string(bytes.TrimRight(secret, "\r\n"))))
		_, err = s.raw("AUTHENTICATE PLAIN " + plain)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("logging in as %s: %w", l.User, err), conn.Close())
	}
	return s, nil
}

// silence is how long the other end may say nothing, or take nothing.
const silence = 11 * time.Minute

// patient is a connection that ends when the other end is silent for too long: one that hangs would hold a move up for ever.
type patient struct{ net.Conn }

// Read waits no longer than silence. A deadline cannot be set for a connection only that has gone.
func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(silence))
	return p.Conn.Read(b)
}

// Write is the same the other way.
func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(silence))
	return p.Conn.Write(b)
}

// Over returns a session over a connection that is logged in. It ends with the context, or when the other end is silent for too
// long.
func Over(ctx context.Context, conn net.Conn) *Session {
	conn = patient{conn}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &Session{conn: conn, in: parser{bufio.NewReaderSize(conn, 64<<10)}}
}

// Close ends it.
func (s *Session) Close() error { return s.conn.Close() }

// raw sends a command line and returns the text of its answer; what comes before that is not looked at.
func (s *Session) raw(line string) (string, error) {
	s.tags++
	tag := fmt.Sprintf("a%d", s.tags)
	if _, err := io.WriteString(s.conn, tag+" "+line+"\r\n"); err != nil {
		return "", err
	}
	verb, _, _ := strings.Cut(line, " ")
	for {
		answer, err := s.in.line()
		if err != nil {
			return "", err
		}
		if rest, ours := strings.CutPrefix(answer, tag+" "); ours {
			return rest, judge(verb, rest)
		}
	}
}

// send sends a command and returns its tag.
func (s *Session) send(verb string, n *node) (string, error) {
	s.tags++
	tag := fmt.Sprintf("a%d", s.tags)
	var b bytes.Buffer
	b.WriteString(tag + " " + verb + " ")
	n.print(&b, true)
	b.WriteString("\r\n")
	if s.Sent != nil {
		s.Sent.Add(int64(b.Len()))
	}
	_, err := s.conn.Write(b.Bytes())
	return tag, err
}

// answer reads the answer to a command: what was asked for, and how it went.
func (s *Session) answer(tag string) (all []*node, status string, err error) {
	for {
		word, err := s.in.word()
		switch {
		case err != nil:
			return nil, "", err
		case word == tag:
			status, err = s.in.line()
			return all, status, err
		case word != "*":
			return nil, "", errForm
		}
		if ahead, _ := s.in.Peek(4); string(ahead) == "BYE " {
			bye, _ := s.in.line()
			return nil, "", fmt.Errorf("the other end closes: %s", bye)
		}
		n, err := s.in.parse(true)
		if err != nil {
			return nil, "", err
		}
		if _, err := s.in.line(); err != nil {
			return nil, "", err
		}
		all = append(all, n)
	}
}

func judge(command, status string) error {
	if strings.HasPrefix(status, "OK") {
		return nil
	}
	return &Refused{command, status}
}

// do sends a command and reads its answer.
func (s *Session) do(verb string, n *node) ([]*node, error) {
	tag, err := s.send(verb, n)
	if err != nil {
		return nil, err
	}
	all, status, err := s.answer(tag)
	if err != nil {
		return nil, err
	}
	return all, judge(verb+" "+n.key, status)
}

func (s *Session) get(n *node) ([]*node, error) { return s.do("SYNCGET", n) }

func (s *Session) apply(n *node) error {
	_, err := s.do("SYNCAPPLY", n)
	return err
}
