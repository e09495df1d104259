package hooks_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// scene is a root with templates of its own for one service; those of Postfix and Dovecot are switched off.
type scene struct {
	*harness.Sandbox
	*harness.Mailreg
	t *testing.T
}

// template is a file to be generated; options are further lines of its section in the manifest.
type template struct{ path, text, options string }

func newScene(t *testing.T, service string, files []template, settings ...string) scene {
	t.Helper()
	sandbox := harness.NewSandbox(t)
	s := scene{sandbox, harness.NewMailreg(t, sandbox), t}
	s.templates(service, files)
	s.Must(append([]string{"set", "mailreg/service/postfix=no", "mailreg/service/dovecot=no", "mailreg/service/saslauthd=no"}, settings...)...)
	return s
}

// templates drops templates of the administrator's own, with their manifest.
func (s scene) templates(service string, files []template) {
	s.t.Helper()
	var manifest strings.Builder
	for i, file := range files {
		name := fmt.Sprintf("own/%s-%d", service, i)
		fmt.Fprintf(&manifest, "[%s]\nService = %s\nFormat = lines\nTemplate = %s\n%s\n", file.path, service, name, file.options)
		s.write("/etc/mailreg/templates/"+name+".tmpl", file.text)
	}
	s.write("/etc/mailreg/templates/own-"+service+".ini", manifest.String())
}

func (s scene) path(path string) string { return filepath.Join(s.Root(), path) }

func (s scene) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(path)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(path), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// folders makes folders that belong to an account, which may be a number.
func (s scene) folders(account string, paths ...string) {
	s.t.Helper()
	uid, err := strconv.Atoi(account)
	if err != nil {
		known, err := user.Lookup(account)
		if err != nil {
			s.t.Fatal(err)
		}
		uid, _ = strconv.Atoi(known.Uid) // a number on every Unix
	}
	for _, path := range paths {
		if err := errors.Join(os.MkdirAll(s.path(path), 0o755), os.Chown(s.path(path), uid, -1)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// daemon starts a server that puts itself into the background, waits until it answers, and sees to its end.
func (s scene) daemon(pidFile, address, question, answer, program string, args ...string) {
	s.t.Helper()
	out, err := os.Create(filepath.Join(s.Dir, "log", program+".log")) // a pipe would never be closed
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(harness.Program(s.t, program), args...)
	cmd.Stdout, cmd.Stderr = out, out
	// clamd interrupts the process that started it when it is ready, which may be before that expects it: it answers all the same.
	if err := cmd.Run(); err != nil && err.Error() != "signal: interrupt" {
		log, _ := os.ReadFile(out.Name())
		s.t.Fatalf("%s: %v\n%s", program, err, log)
	}
	s.t.Cleanup(func() { s.kill(pidFile) })
	s.until(func() error { return ask(address, question, answer) })
}

// end ends the server whose number is in a file.
func (s scene) end(pidFile string) {
	s.t.Helper()
	pid := s.pid(pidFile)
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, syscall.SIGTERM) // an error says that it has ended
	s.until(func() error {
		if syscall.Kill(pid, 0) == nil && !zombie(pid) {
			return fmt.Errorf("process %d goes on", pid)
		}
		return nil
	})
}

// kill ends the server whose number is in a file, with its children, some of which take their time otherwise.
func (s scene) kill(pidFile string) {
	pid := s.pid(pidFile)
	if pid == 0 {
		return
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	_ = syscall.Kill(pid, syscall.SIGKILL) // an error says that it has ended
	for child := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// pid returns the number in a file, 0 without one.
func (s scene) pid(file string) int {
	data, err := os.ReadFile(s.path(file))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// until asks until there is no error.
func (s scene) until(answers func() error) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
		<-tick.C
	}
}

// ask sends a question, unless it is empty, and wants the answer somewhere in what comes back.
func ask(address, question, answer string) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, question); err != nil {
		return err
	}
	var all strings.Builder
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if strings.Contains(lines.Text(), answer) {
			return nil
		}
	}
	return fmt.Errorf("%s answers %q, want %q", address, all.String(), answer)
}

// answers wants an answer from a server now.
func (s scene) answers(address, question, answer string) {
	s.t.Helper()
	if err := ask(address, question, answer); err != nil {
		s.t.Error(err)
	}
}
