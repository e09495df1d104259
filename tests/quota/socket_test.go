package quota_test

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestWarningSocket proves that only the mail user, and root, can have people warned: whoever else may connect is refused.
func TestWarningSocket(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	add(h, harness.Person{UID: "anna", Mail: "anna@example.test"}, "1")
	h.Wait()
	for i, c := range []struct {
		uid  int
		want int
	}{{65534, 0}, {5000, 1}, {65534, 1}, {0, 2}} {
		said := ask(t, filepath.Join(h.Root(), "run/dovecot/quota-warning"), c.uid)
		if strings.Contains(said, "connect") {
			t.Fatalf("account %d does not even reach it: %s", c.uid, said)
		}
		if got := len(h.Dovecot.Subjects("anna@example.test", harness.Password)); got != c.want {
			t.Errorf("%d: account %d has had anna warned: %d mails, want %d (%q)", i, c.uid, got, c.want, said)
		}
	}
}

// ask speaks to Dovecot's service as an account does, and returns its answer. It waits for the end of the command.
func ask(t *testing.T, socket string, uid int) string {
	t.Helper()
	// The thread must be root's again: one that ends would take the servers that it has started along.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(effective int) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(effective), ^uintptr(0)); errno != 0 {
			t.Fatalf("becoming account %d: %v", effective, errno)
		}
	}
	become(uid)
	conn, err := net.DialTimeout("unix", socket, 10*time.Second)
	become(0)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprint(conn, "VERSION\tscript\t4\t0\n-\n80\nanna@example.test\n\n") // 2.3 and 2.4, which wait for the end
	text, err := io.ReadAll(conn)
	return strings.TrimSpace(string(text)) + fmt.Sprint(err)
}
