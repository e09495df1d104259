package hook

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckRestrictions(t *testing.T) {
	tests := []struct{ list, want string }{
		{"", ""},
		{"permit_mynetworks, permit_sasl_authenticated,\n reject_unauth_destination", ""},
		{"check_client_access hash:/etc/postfix/access reject_rbl_client zen.example.org", ""},
		{"check_policy_service { inet:127.0.0.1:10023, timeout=10s }, permit", ""},
		{"check_policy_service unix:private/policy", ""},
		{"check_recipient_access hash:{/a, /b} permit", ""},
		{"warn_if_reject reject_unknown_client_hostname sleep 1 greylist", ""},
		{"hash:/etc/postfix/access, 554", ""},
		{"reject_unauth_destinatio", `unknown restriction "reject_unauth_destinatio"`},
		{"permit_mynetworks,reject_foo", `unknown restriction "reject_foo"`},
		{"reject_rbl_client", "reject_rbl_client needs a value after it"},
		{"reject_rbl_client, permit", "reject_rbl_client needs a value after it"},
		{"check_sender_access /etc/postfix/access", "check_sender_access needs a table such as hash:/etc/postfix/access, not /etc/postfix/access"},
		{"check_policy_service { inet:x", "a brace is not closed"},
	}
	for _, test := range tests {
		if got := checkRestrictions(test.list, []string{"greylist"}); got != test.want {
			t.Errorf("%q: %q, want %q", test.list, got, test.want)
		}
	}
	if guarded("permit_mynetworks, permit") || !guarded("permit_mynetworks reject_unauth_destination") {
		t.Error("guarded")
	}
}

func TestMessagesAboutLocalFiles(t *testing.T) {
	stage := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(stage, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.cf.local", "# remark\nmine = 1\nother = $theirs ${thine}\n")
	write("master.cf.local", "x unix - - n - - smtpd\n  -o opt=1\n  -o { braced = 2 }\n")
	c := checker{stage: stage, live: "/etc/postfix", local: localNames(stage)}
	for _, line := range []string{
		"postconf: warning: " + stage + "/main.cf: unused parameter: mine=1",
		"postconf: warning: " + stage + "/main.cf: unused parameter: mine=1",
		"postconf: warning: " + stage + "/main.cf, line 3: overriding earlier entry: other=2",
		"postconf: warning: " + stage + "/main.cf: undefined parameter: theirs",
		"/usr/sbin/postconf: warning: " + stage + "/master.cf: unused parameter: braced=2",
		"postmap: fatal: bad numerical configuration: opt = x",
		"postconf: warning: " + stage + "/main.cf: #comment after other text is not allowed: # x...",
		"postconf: warning: " + stage + `/main.cf: support for parameter "old" will be removed; instead, specify "new"`,
		"postconf: warning: " + stage + "/main.cf: unused parameter: ours=1",
		"postconf: warning: " + stage + "/main.cf: unused parameter: ours=1",
		"postconf: warning: " + stage + "/main.cf: unused parameter: foo=mine",
		"postmap: fatal: parameter inet_interfaces: no local interface found for 127.0.0.9",
	} {
		c.note(c.clean(line))
	}
	warnings := []string{
		"/etc/postfix/main.cf: unused parameter: mine=1", "/etc/postfix/main.cf, line 3: overriding earlier entry: other=2",
		"/etc/postfix/main.cf: undefined parameter: theirs", "/etc/postfix/master.cf: unused parameter: braced=2",
		"bad numerical configuration: opt = x",
		"/etc/postfix/main.cf: #comment after other text is not allowed: # x...",
		`/etc/postfix/main.cf: support for parameter "old" will be removed; instead, specify "new"`,
	}
	if diff := cmp.Diff(warnings, c.warnings); diff != "" {
		t.Errorf("warnings:\n%s", diff)
	}
	var refused []string
	for _, err := range c.refused {
		refused = append(refused, err.Error())
	}
	want := []string{
		"/etc/postfix/main.cf: unused parameter: ours=1", "/etc/postfix/main.cf: unused parameter: foo=mine",
		"parameter inet_interfaces: no local interface found for 127.0.0.9",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused:\n%s", diff)
	}
}

func TestLookInside(t *testing.T) {
	stage := t.TempDir()
	path := filepath.Join(stage, "main.cf")
	text := "/r/etc/postfix/x\nmaps = ldap:/r/etc/postfix/a, /r/etc/postfix/b <c </r/etc/postfix/c\nother = /srv/r/etc/postfix/d /r/etc/postfix2/e\n"
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := lookInside(stage, "/r/etc/postfix", "main.cf", "missing"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("S", stage).Replace("S/x\nmaps = ldap:S/a, S/b <c <S/c\nother = /srv/r/etc/postfix/d /r/etc/postfix2/e\n")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestProbe(t *testing.T) {
	tests := []struct {
		name    string
		answers []string // to the connection and to each command; the server hangs up after the last
		want    string
	}{
		{"well", []string{"220 hi", "250-x\r\n250 SIZE", "250 ok", "250 ok", "221 bye"}, ""},
		{"recipient refused", []string{"220 hi", "250 x", "250 ok", "550 5.1.1 unknown", "221 bye"}, ""},
		{"directory down", []string{"220 hi", "250 x", "250 ok", "451 4.3.0 try later", "221 bye"}, ""},
		{"broken", []string{"220 hi", "250 x", "250 ok", "451 4.3.5 Server configuration error", "221 bye"}, "Server configuration error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := probe(t.Context(), serve(t, test.answers), smtpDialogue)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if err := converse(t.Context(), serve(t, nil), smtpDialogue); err == nil || !strings.Contains(err.Error(), "without a greeting") {
		t.Errorf("error %v", err)
	}
}

func TestIMAPGreeting(t *testing.T) {
	for greeting, want := range map[string]string{"* OK ready": "", "* BYE too many": "", "220 not IMAP": `it answers "220 not IMAP"`} {
		err := probe(t.Context(), serve(t, []string{greeting}), imapDialogue)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", greeting, err, want)
		}
	}
	if err := converse(t.Context(), serve(t, nil), imapDialogue); err == nil || !strings.Contains(err.Error(), "without a greeting") {
		t.Errorf("error %v", err)
	}
}

// TestAwaitEnd waits for one process that ends in any case and not for ever for one that may have a client.
func TestAwaitEnd(t *testing.T) {
	start := func(program string) *exec.Cmd {
		cmd := exec.Command(program, "1000")
		if program == "cat" {
			cmd = exec.Command(program)
			if _, err := cmd.StdinPipe(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	sure, busy := start("sleep"), start("cat")
	old := map[int]string{sure.Process.Pid: "sleep", busy.Process.Pid: "cat"}
	ended := make(chan error, 1)
	go func() { ended <- awaitEnd(t.Context(), old, "sleep", "cat") }()
	_ = sure.Process.Kill()
	_ = sure.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitEnd(ctx, old, "cat", ""); err == nil {
		t.Error("a process that goes on was not noticed")
	}
}

// serve answers one connection, line by line.
func serve(t *testing.T, answers []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		defer conn.Close()
		lines := bufio.NewReader(conn)
		for i, answer := range answers {
			if i > 0 {
				if _, err := lines.ReadString('\n'); err != nil {
					return // the client has seen enough
				}
			}
			fmt.Fprintf(conn, "%s\r\n", answer)
		}
	}()
	return l.Addr().String()
}

func TestRunning(t *testing.T) {
	root := t.TempDir()
	if NewPostfix(root).Running() || NewDovecot(root).Running() {
		t.Error("something runs below an empty root")
	}
	pid := filepath.Join(root, "run/dovecot/master.pid")
	if err := os.MkdirAll(filepath.Dir(pid), 0o755); err != nil {
		t.Fatal(err)
	}
	// A pid file left behind, whose number is now that of another program.
	if err := os.WriteFile(pid, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if NewDovecot(root).Running() {
		t.Error("this test passes for Dovecot")
	}
}
