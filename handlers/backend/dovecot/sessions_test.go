package dovecot

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSessions(t *testing.T) {
	s, client := newServer(t)
	s.answer = "a@x.test\t2\timap\t(12 13)\t(::1 ::1)\t-b@x.test\t1\tpop3\t(14)\t(127.0.0.1)\ta\x01tb\t1\tsieve\t(1)\t()\t\n+\n"
	if sessions, err := client.Sessions(t.Context()); err != nil || sessions != nil {
		t.Errorf("no server: %v, %v", sessions, err)
	}
	s.pid(os.Getpid())
	s.listen()
	sessions, err := client.Sessions(t.Context())
	want := []Session{{"a@x.test", "imap", []int{12, 13}}, {"-b@x.test", "pop3", []int{14}}, {"a\tb", "sieve", nil}}
	if diff := cmp.Diff(want, sessions); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestKickByMask proves that an address with a question mark, which Dovecot takes for a mask, ends nobody else's session.
func TestKickByMask(t *testing.T) {
	own, other := exec.Command("sleep", "60"), exec.Command("sleep", "60")
	for _, cmd := range []*exec.Cmd{own, other} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill() }()
	}
	s, client := newServer(t)
	s.answer = fmt.Sprintf("?@x.test\t1\timap\t(%d)\t(::1)\ta@x.test\t1\timap\t(%d)\t(::1)\t\n+\n", own.Process.Pid, other.Process.Pid)
	s.pid(os.Getpid())
	s.listen()
	if err := client.Kick(t.Context(), "?@x.test"); err != nil {
		t.Fatal(err)
	}
	if err := own.Wait(); err == nil {
		t.Error("its own session goes on")
	}
	if err := other.Process.Kill(); err != nil {
		t.Errorf("another one's session has ended: %v", err)
	}
	_ = other.Wait()
	if diff := cmp.Diff([]string{"VERSION\tdoveadm-server\t1\t2", "\t\twho"}, s.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestAdmits(t *testing.T) {
	s, client := newServer(t)
	names := []string{"a@x.test", "b@x.test", "a\tb", "pam"}
	answers, err := client.Admits(t.Context(), names...)
	if diff := cmp.Diff([]Answer{Refused, Refused, Refused, Refused}, answers); err != nil || diff != "" {
		t.Errorf("no server: %v (-want +got):\n%s", err, diff)
	}
	l, err := net.Listen("unix", filepath.Join(s.base, "auth-master"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		replies := map[string]string{"a@x.test": "PASS\t1\tuser=a@x.test", "b@x.test": "NOTFOUND\t2", "pam": "FAIL\t4"}
		for lines.Scan() {
			words := strings.Split(lines.Text(), "\t")
			if words[0] == "VERSION" {
				fmt.Fprint(conn, "VERSION\t1\t1\nSPID\t1\n")
				continue
			}
			fmt.Fprintln(conn, replies[words[2]])
		}
	}()
	s.pid(os.Getpid())
	answers, err = client.Admits(t.Context(), names...)
	if diff := cmp.Diff([]Answer{Admitted, Refused, Refused, Untold}, answers); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
