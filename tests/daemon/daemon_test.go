package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// limit bounds each wait of these tests.
const limit = 30 * time.Second

// newHost returns a host with a directory and settings, without mail servers and with the daemon not yet running.
func newHost(t *testing.T, settings ...string) *harness.Host {
	t.Helper()
	return harness.NewHost(t, harness.HostConfig{Set: settings, NoDovecot: true, NoPostfix: true, NoListener: true})
}

// systemd stands in for the service manager: what it is told arrives in the returned channel, a message each.
func systemd(t *testing.T, host *harness.Host, watchdog time.Duration) <-chan string {
	t.Helper()
	path := filepath.Join(host.Dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	if watchdog > 0 {
		t.Setenv("WATCHDOG_USEC", strings.TrimSuffix(watchdog.Round(time.Microsecond).String(), "ms")+"000")
	}
	told := make(chan string, 100)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			told <- string(buffer[:n])
		}
	}()
	return told
}

// await returns once systemd was told a state.
func await(t *testing.T, told <-chan string, state string) {
	t.Helper()
	for timeout := time.After(limit); ; {
		select {
		case got := <-told:
			if got == state {
				return
			}
		case <-timeout:
			t.Fatalf("systemd was never told %s", state)
		}
	}
}

func TestServiceManager(t *testing.T) {
	host := newHost(t)
	told := systemd(t, host, 100*time.Millisecond)
	daemon := harness.NewListener(t, host.Sandbox)
	await(t, told, "READY=1")
	await(t, told, "WATCHDOG=1")
	await(t, told, "WATCHDOG=1")

	daemon.Stop()
	await(t, told, "STOPPING=1")
	if code := daemon.Exit(); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	if _, err := os.Lstat(filepath.Join(host.Root(), "run/mailreg/control.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the control socket is left behind: %v", err)
	}
}

func TestNothingIsSet(t *testing.T) {
	refuses(t, harness.NewSandbox(t), 2, "not set: hostname, domainname, ldap/base, ldap/server/name (or ldap/uri)")
}

func TestUnusableSettings(t *testing.T) {
	host := newHost(t)
	host.Must("unset", "--no-reload", "ldap/uri")
	refuses(t, host.Sandbox, 2, "not set: ldap/server/name (or ldap/uri); set them with mailreg set KEY=VALUE")
}

func TestOtherLayoutIsRefused(t *testing.T) {
	host := newHost(t)
	record := filepath.Join(host.Root(), "var/spool/dovecot/private/.mailreg-layout")
	if err := os.MkdirAll(filepath.Dir(record), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, []byte("address\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuses(t, host.Sandbox, 2, "layout")
}

func TestSecondDaemonIsRefused(t *testing.T) {
	host := newHost(t)
	harness.NewListener(t, host.Sandbox)
	refuses(t, host.Sandbox, 1, "another process has it open")
	host.Wait()
}

// refuses starts the daemon and demands that it ends with a code and says why on its last line.
func refuses(t *testing.T, sandbox *harness.Sandbox, code int, says string) {
	t.Helper()
	daemon := harness.SpawnListener(t, sandbox)
	if got := daemon.Exit(); got != code {
		t.Errorf("exit %d, want %d", got, code)
	}
	log, err := os.ReadFile(daemon.Log())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), says) {
		t.Errorf("the daemon did not say %q:\n%s", says, log)
	}
}

func TestDirectoryDownAtStart(t *testing.T) {
	host := newHost(t)
	host.Slapd.Stop()
	harness.NewListener(t, host.Sandbox)
	var status struct {
		Ready   bool
		Reasons []string
		Source  struct{ Phase string }
	}
	host.JSON(&status, "listener", "status")
	if status.Ready || len(status.Reasons) == 0 {
		t.Errorf("ready %v, reasons %v", status.Ready, status.Reasons)
	}
	r := host.Run("listener", "wait", "--timeout", "100ms")
	if r.Code != 1 || !strings.Contains(r.Stderr, "still waiting for the source") {
		t.Errorf("wait: %s", r)
	}
	host.Slapd.Start()
	host.Wait()
	host.JSON(&status, "listener", "status")
	if !status.Ready || status.Source.Phase != "persist" {
		t.Errorf("ready %v, reasons %v, phase %s", status.Ready, status.Reasons, status.Source.Phase)
	}
}
