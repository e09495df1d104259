package registry_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// host is a mail host without a listener, with helpers for files.
type host struct {
	*harness.Host
	t *testing.T
}

func newHost(t *testing.T, settings ...string) host {
	t.Helper()
	return host{harness.NewHost(t, harness.HostConfig{NoListener: true, Set: settings}), t}
}

func (h host) path(path string) string { return filepath.Join(h.Root(), path) }

func (h host) write(path, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(path)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(path), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) read(path string) string {
	h.t.Helper()
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(data)
}

// refused runs a command that must fail, change no byte of what mailreg writes, and reload nothing.
func (h host) refused(stderr string, args ...string) {
	h.t.Helper()
	reloads := h.Postfix.Reloads()
	h.Refused(stderr, args...)
	if now := h.Postfix.Reloads(); now != reloads {
		h.t.Errorf("mailreg %s has reloaded Postfix", strings.Join(args, " "))
	}
}

// size returns what EHLO says after SIZE.
func (h host) size() string {
	h.t.Helper()
	conn, err := net.DialTimeout("tcp", h.Postfix.SMTP, 5*time.Second)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Scan()
	fmt.Fprint(conn, "EHLO test\r\n")
	for lines.Scan() {
		if _, size, ok := strings.Cut(lines.Text(), "SIZE "); ok {
			return size
		}
		if strings.HasPrefix(lines.Text(), "250 ") {
			break
		}
	}
	return "none"
}

func TestSetReloadsPostfix(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	reloads := h.Postfix.Reloads()
	h.Expect(0, "Create mail/messagesizelimit\nFile: /etc/postfix/main.cf\nReload: postfix.service\n", "", "set", "mail/messagesizelimit=20971520")
	if size := h.size(); size != "20971520" {
		t.Errorf("EHLO says SIZE %s", size)
	}
	h.Expect(0, "Setting mail/messagesizelimit\n", "", "set", "mail/messagesizelimit=20971520")
	h.Expect(0, "", "", "commit")
	if n := h.Postfix.Reloads() - reloads; n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}
	h.Expect(0, "Create mail/postfix/inet/protocols\nFile: /etc/postfix/main.cf\nRestart: postfix.service\n", "", "set", "mail/postfix/inet/protocols=all")
	if size := h.size(); size != "20971520" {
		t.Errorf("after the restart EHLO says SIZE %s", size)
	}
	h.Postfix.Stop()
	h.Expect(0, "Unsetting mail/messagesizelimit\nFile: /etc/postfix/main.cf\nSkipped: postfix.service (not running)\n", "", "unset", "mail/messagesizelimit")
	h.Expect(0, "", "", "commit")
}

func TestSetReloadsDovecot(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.Expect(0, "Create mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nReload: dovecot.service\n", "", "set", "mail/dovecot/auth/cache_ttl=1m")
	h.refused("/nonexistent/cert.pem", "set", "mail/dovecot/ssl/certificate=/nonexistent/cert.pem")
	h.write("/etc/dovecot/local.conf", "no_such_setting = 1\n")
	h.refused("/etc/dovecot/local.conf line 1: ", "set", "mail/dovecot/auth/cache_ttl=2m")
	h.write("/etc/dovecot/local.conf", "login_greeting = hello\n")
	h.Expect(0, "Setting mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nReload: dovecot.service\n", "", "set", "mail/dovecot/auth/cache_ttl=2m")
}

func TestSetRestartsDovecot(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	config := h.path("/etc/dovecot/dovecot.conf")
	t.Cleanup(func() {
		if out, err := exec.Command(harness.Program(t, "doveadm"), "-c", config, "stop").CombinedOutput(); err != nil {
			t.Errorf("stopping dovecot: %v %s", err, out)
		}
	})
	_, port, _ := net.SplitHostPort(h.Dovecot.IMAP)
	h.Expect(0, "Setting mail/dovecot/listen\nFile: /etc/dovecot/dovecot.conf\nRestart: dovecot.service\n", "", "set", "mail/dovecot/listen=127.0.0.2")
	conn, err := net.DialTimeout("tcp", "127.0.0.2:"+port, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "* OK") {
		t.Errorf("greeting %q, %v", line, err)
	}
}

func TestWhatPostfixWouldStumbleOver(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const rule = "mail/postfix/smtpd/restrictions/recipient/05"
	h.refused(`mail/messagesizelimit: value "10M" must be a whole number of 0 or more`, "set", "mail/messagesizelimit=10M", "mail/postfix/softbounce=yes")
	h.refused(`parameter smtpd_recipient_restrictions: unknown restriction "reject_unauth_destinatio"`, "set", rule+"=reject_unauth_destinatio")
	h.refused("reject_rbl_client needs a value after it", "set", rule+"=reject_rbl_client")
	h.refused("mail/localmailboxsizelimit (51200000) is smaller than mail/messagesizelimit (60000000)", "set", "mail/messagesizelimit=60000000")
	h.refused("mailbox_size_limit: 51200000 is smaller than message_size_limit (60000000)", "set", "--ignore-check", "mail/messagesizelimit=60000000")
	h.refused("no local interface found for 203.0.113.9", "set", "mail/postfix/inet/interfaces=203.0.113.9")
	h.refused("parameter smtpd_tls_cert_file: stat /nonexistent/cert.pem: no such file", "set", "mail/postfix/ssl/certificate=/nonexistent/cert.pem")
	h.refused(`parameter virtual_transport: master.cf has no transport "nosuch"`, "set", "mail/postfix/virtual/transport=nosuch:x")
	h.refused("no template makes the file /etc/postfix/nonsense", "commit", "/etc/postfix/nonsense")
	h.write("/etc/mailreg/templates/postfix/main.cf/99-zz.tmpl", "no_such_parameter = 1\n")
	h.refused("unused parameter: no_such_parameter=1", "set", "mail/postfix/softbounce=yes")
}

func TestLocalFileOfTheAdministrator(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("/etc/postfix/main.cf.local", "no_such_parameter = 1\nsoft_bounce = yes\n")
	r := h.Run("commit")
	if r.Code != 0 || !strings.Contains(r.Stderr, "W: /etc/postfix/main.cf: unused parameter: no_such_parameter=1") {
		t.Errorf("commit: %s", r)
	}
	if bounce := h.Postfix.Setting("soft_bounce"); bounce != "yes" {
		t.Errorf("soft_bounce = %s", bounce)
	}
	// Listeners that speak only with a proxy are no proof against the new settings.
	h.write("/etc/postfix/main.cf.local", "smtpd_upstream_proxy_protocol = haproxy\n")
	h.write("/etc/dovecot/local.conf", "service imap-login {\n  inet_listener imap {\n    haproxy = yes\n  }\n}\n")
	if r := h.Run("set", "mail/dovecot/auth/cache_ttl=1m"); r.Code != 0 || !strings.Contains(r.Stdout, "Reload: dovecot.service") {
		t.Errorf("set: %s", r)
	}
	if r := h.Run("commit"); r.Code != 0 || !strings.Contains(r.Stdout, "Reload: postfix.service") {
		t.Errorf("commit: %s", r)
	}
}

// TestMasterThatIsSlow proves that nobody asks the processes with the former settings whether the new ones work.
func TestMasterThatIsSlow(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	data, err := os.ReadFile(h.path("/var/spool/postfix/pid/master.pid"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(master, s); err != nil {
			t.Fatal(err)
		}
	}
	reloaded := func() int { return strings.Count(h.read("/var/log/mail.log"), "refreshing the Postfix mail system") }
	before := reloaded()
	signal(syscall.SIGSTOP)
	done := make(chan harness.Result, 1)
	go func() {
		done <- h.Run("set", "mail/postfix/smtpd/restrictions/recipient/05=check_recipient_access nosuch:/x")
	}()
	for reloaded() == before {
		time.Sleep(time.Millisecond)
	}
	select {
	case r := <-done:
		t.Errorf("the master has not heard of it yet, but set has ended: %s", r)
		signal(syscall.SIGCONT)
	case <-time.After(300 * time.Millisecond):
		signal(syscall.SIGCONT)
		if r := <-done; r.Code != 1 || !strings.Contains(r.Stderr, "postfix.service does not work with the new settings") {
			t.Errorf("set: %s", r)
		}
	}
}

// TestPortOfAnother proves that both servers come back from a port which they cannot have; the master of Postfix dies of it.
func TestPortOfAnother(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			conn, err := other.Accept()
			if err != nil {
				return // the test is over
			}
			fmt.Fprint(conn, "I am no mail server\r\n")
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(other.Addr().String())
	for _, key := range []string{"mail/smtpport", "mail/dovecot/imap/port"} {
		former := h.Must("get", key)
		h.Expect(1, "", "does not work with the new settings", "set", key+"="+port)
		if now := h.Must("get", key); now != former {
			t.Errorf("%s is %s, was %s", key, now, former)
		}
	}
	if size := h.size(); size == "none" {
		t.Error("Postfix does not answer any more")
	}
	h.Expect(0, "Create mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nReload: dovecot.service\n", "", "set", "mail/dovecot/auth/cache_ttl=1m")
}

// TestQueueElsewhere proves that a Postfix is found to run wherever its queue is.
func TestQueueElsewhere(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.Postfix.Stop()
	queue := h.path("/srv/queue")
	if err := errors.Join(os.MkdirAll(h.path("/srv"), 0o755), os.Rename(h.path("/var/spool/postfix"), queue)); err != nil {
		t.Fatal(err)
	}
	h.Must("set", "mail/postfix/queue_directory="+queue)
	if socket := h.Must("get", "mail/dovecot/lmtp/socket/path"); socket != queue+"/private/dovecot-lmtp\n" {
		t.Errorf("Dovecot listens on %s", socket)
	}
	h.Postfix.Start()
	h.Expect(0, "Create mail/postfix/softbounce\nFile: /etc/postfix/main.cf\nReload: postfix.service\n", "", "set", "mail/postfix/softbounce=yes")
}

// TestForEverybody proves that who is not root may look, but sees no secrets.
func TestForEverybody(t *testing.T) {
	t.Parallel()
	h := newHost(t, "mail/dovecot/auth/master/password=geheim")
	run := func(args ...string) harness.Result {
		cmd := h.Command(args...)
		program, err := os.ReadFile(cmd.Path)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = h.path("/mailreg") // where everybody can reach it
		if err := os.WriteFile(cmd.Path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return h.RunCommand("", cmd)
	}
	if r := run("info", "hostname"); r.Code != 0 || !strings.HasPrefix(r.Stdout, "hostname: mail1\n") {
		t.Errorf("info: %s", r)
	}
	if r := run("dump"); r.Code != 0 || strings.Contains(r.Stdout, "geheim") {
		t.Errorf("dump: %s", r)
	}
	if r := run("set", "my/key=1"); r.Code != 1 || !strings.Contains(r.Stderr, "permission denied") {
		t.Errorf("set: %s", r)
	}
}

func TestServerThatDoesNotWork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	before := h.Written()
	// postconf does not see that the map type does not exist; smtpd does, when a client comes.
	r := h.Run("set", "mail/postfix/smtpd/restrictions/recipient/05=check_recipient_access nosuch:/x", "mail/postfix/softbounce=yes")
	if r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, "postfix.service does not work with the new settings") {
		t.Errorf("set: %s", r)
	}
	after := h.Written()
	for path, was := range before {
		if now := after[path]; now != was && !strings.HasPrefix(path, h.path("/var/lib/mailreg")) {
			t.Errorf("%s has changed:\n%s\n%s", path, was, now)
		}
	}
	h.Expect(0, "", "", "diff")
	h.Expect(0, "Create mail/postfix/softbounce\nFile: /etc/postfix/main.cf\nReload: postfix.service\n", "", "set", "mail/postfix/softbounce=yes")
}
