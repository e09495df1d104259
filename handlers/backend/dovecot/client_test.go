package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

// server answers the doveadm protocol from a script, and keeps what it was asked.
type server struct {
	t            *testing.T
	base, socket string
	// greeting and answer are sent as they are.
	greeting, answer string

	mu    sync.Mutex
	asked []string
}

// newServer makes a base_dir whose master.pid names this test, which is called "dovecot" by a word of its command line.
func newServer(t *testing.T) (*server, *Client) {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "mr-") // socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	s := &server{t: t, base: filepath.Join(root, "run/dovecot"), socket: "doveadm-server", greeting: "+\n", answer: "\n+\n0\t"}
	if err := os.MkdirAll(s.base, 0o755); err != nil {
		t.Fatal(err)
	}
	return s, NewClient(root)
}

func (s *server) pid(pid int) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.base, "master.pid"), []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) listen() {
	s.t.Helper()
	l, err := net.Listen("unix", filepath.Join(s.base, s.socket))
	if err != nil {
		s.t.Fatal(err)
	}
	var serving sync.WaitGroup
	s.t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	})
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for _, answer := range []string{s.greeting, s.answer} {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSuffix(line, "\n"))
		s.mu.Unlock()
		_, _ = conn.Write([]byte(answer))
	}
}

func TestCommands(t *testing.T) {
	const version = "VERSION\tdoveadm-server\t1\t2"
	for _, tt := range []struct {
		name string
		do   func(context.Context, *Client) error
		want []string
	}{
		{"flush only names that cannot be", func(ctx context.Context, c *Client) error { return c.Flush(ctx, "", "a\tb", "a\nkick", "\x01") }, nil},
		{
			"kick", func(ctx context.Context, c *Client) error { return c.Kick(ctx, "a@x.test", "b\r", "c@x.test") },
			[]string{version, "\t\tkick\t--\ta@x.test", version, "\t\tkick\t--\tc@x.test"},
		},
		{"kick nobody", func(ctx context.Context, c *Client) error { return c.Kick(ctx) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, client := newServer(t)
			s.pid(os.Getpid())
			s.listen()
			if err := tt.do(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if diff := cmp.Diff(tt.want, s.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, greeting, answer string
		down                   bool
		want                   string
	}{
		{"2.3 kicked nobody", "+\n", "\n-NOTFOUND\n", false, ""},
		{"data before the status", "+\n", "a line\nanother\n+\n", false, ""},
		{"frames", "VERSION\tdoveadm-client\t1\t2\n+\n", "\x00\x00\x00\x00\x03\n+\n", false, ""},
		{"frames cut anywhere", "VERSION\tdoveadm-client\t1\t3\n+\n", "\x00\x00\x00\x00\x01\n\x00\x00\x00\x00\x00?\x00\x00\x00\x01x\x00\x00\x00\x00\x02+\n", false, ""},
		{
			"refused, with the reason", "VERSION\tdoveadm-client\t1\t2\n+\n",
			"L\x00\x00\x00\x25\x04doveadm(a@x)<1><2>: Can't do it: no\n\x00\x00\x00\x00\x0a\n-DATAERR\n", false,
			"doveadm kick: refused by Dovecot: Can't do it: no",
		},
		{"a frame without end", "VERSION\tdoveadm-client\t1\t2\n+\n", "\x00\xff\xff\xff\xff", true, "dovecot is down: reading the answer"},
		{"refused", "+\n", "\n-NOPERM\n", false, `doveadm kick: refused by Dovecot: see its log (-NOPERM)`},
		{"password asked", "-\n", "", true, `dovecot is down: doveadm socket asks for a password ("-")`},
		{"hangs up", "+\n", "no line", true, "dovecot is down: reading the answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, client := newServer(t)
			s.greeting, s.answer = tt.greeting, tt.answer
			s.pid(os.Getpid())
			s.listen()
			err := client.Kick(t.Context(), "a@x.test")
			if errors.As(err, new(*schema.TargetDown)) != tt.down || (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFlush(t *testing.T) {
	for _, tt := range []struct {
		names         []string
		answer, asked string
		want          string
	}{
		{nil, "OK\t1\t7\n", "CACHE-FLUSH\t1", ""},
		{[]string{"a@x.test", "b\r", "-f@x.test"}, "OK\t1\t1\n", "CACHE-FLUSH\t1\ta@x.test\t-f@x.test", ""},
		{nil, "FAIL\t1\n", "CACHE-FLUSH\t1", "auth cache flush: refused by Dovecot (\"FAIL\\t1\")"},
	} {
		s, client := newServer(t)
		s.socket, s.greeting, s.answer = "auth-master", "VERSION\t1\t1\nSPID\t42\n", tt.answer
		s.pid(os.Getpid())
		s.listen()
		err := client.Flush(t.Context(), tt.names...)
		if err != nil && err.Error() != tt.want || err == nil && tt.want != "" {
			t.Errorf("error %v, want %q", err, tt.want)
		}
		s.mu.Lock()
		if diff := cmp.Diff([]string{"VERSION\t1\t0", tt.asked}, s.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		s.mu.Unlock()
	}
}

func TestHeld(t *testing.T) {
	for answer, want := range map[string]string{
		"USER\t1\ta@x.test\thome=/x\n":            "true <nil>",
		"USER\t1\tb@x.test\thome=/x\n":            "false <nil>", // an alternative address
		"NOTFOUND\t1\n":                           "false <nil>",
		"FAIL\t1\treason=the directory is away\n": `false looking up a@x.test: refused by Dovecot ("FAIL\t1\treason=the directory is away")`,
	} {
		s, client := newServer(t)
		s.socket, s.greeting, s.answer = "auth-master", "VERSION\t1\t1\nSPID\t42\n", answer
		name := schema.Address{Local: "a", Domain: "x.test"}
		if held, err := client.Held(t.Context(), name); !held || err != nil {
			t.Errorf("without a server: %t, %v", held, err)
		}
		s.pid(os.Getpid())
		s.listen()
		held, err := client.Held(t.Context(), name)
		if got := fmt.Sprint(held, " ", err); got != want {
			t.Errorf("%q: %s", answer, got)
		}
	}
}

func TestRunning(t *testing.T) {
	s, client := newServer(t)
	check := func(name string, want bool) {
		t.Helper()
		if got, err := client.Running(); err != nil || got != want {
			t.Errorf("%s: running %t, %v", name, got, err)
		}
	}
	check("no pid file", false)
	if err := client.Flush(t.Context(), "a@x.test"); err != nil {
		t.Errorf("without a server: %v", err)
	}
	s.pid(1 << 22)
	check("pid that nobody has", false)
	s.pid(1)
	check("pid of another program", false)
	s.pid(os.Getpid())
	check("pid of a living server", true)
	if err := client.Flush(t.Context(), "a@x.test"); !errors.As(err, new(*schema.TargetDown)) {
		t.Errorf("living server without socket: %v", err)
	}
}

// TestMaildirBesideDovecot: the maildir backend waits while a Dovecot serves its spool.
func TestMaildirBesideDovecot(t *testing.T) {
	s, client := newServer(t)
	if err := client.RefuseServed(); err != nil {
		t.Errorf("without a server: %v", err)
	}
	s.pid(os.Getpid())
	if err := client.RefuseServed(); !errors.As(err, new(*schema.TargetDown)) {
		t.Errorf("beside a Dovecot: %v", err)
	}
}

// TestLine: the authentication service takes lines of 1024 bytes and gives up whoever sends more.
func TestLine(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("alias%03d@example.test", i))
	}
	var got []string
	for rest := names; len(rest) > 0; {
		var joined string
		if joined, rest = line(rest); len(joined) > mostNames {
			t.Errorf("a line of %d bytes", len(joined))
		}
		got = append(got, strings.Split(joined, "\t")...)
	}
	if !slices.Equal(got, names) {
		t.Errorf("the lines have %q", got)
	}
	if joined, rest := line(nil); joined != "" || rest != nil {
		t.Errorf("without names: %q, %q", joined, rest)
	}
	if left := sendable([]string{strings.Repeat("a", 3000), "a\tb", "", "a@x"}); !slices.Equal(left, []string{"a@x"}) {
		t.Errorf("sendable: %q", left)
	}
}
