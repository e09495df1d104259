//go:build boot

package boot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programs is the folder with mailreg, without cgo: each release has a C library of its own.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mr-boot-")
	if err == nil {
		programs = dir
		build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "github.com/mailreg/mailreg/cmd/mailreg")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// machine is a booted Debian. What is written in it goes to memory and ends with it.
type machine struct {
	t      *testing.T
	nspawn *exec.Cmd
	ended  chan error
	log    string
	init   int // its first process
}

// limit is how long a machine may take to boot, to end, and to answer a command.
const limit = time.Minute

// boot boots the tree of a release and returns when all its units have started.
func boot(t *testing.T, release string) *machine {
	t.Helper()
	trees := exec.Command("../trees.sh", release+"-boot")
	trees.Stderr = os.Stderr
	made, err := trees.Output()
	if err != nil {
		t.Fatalf("making the tree: %v", err)
	}
	m := &machine{t: t, ended: make(chan error, 1), log: filepath.Join(t.TempDir(), "console")}
	console, err := os.Create(m.log)
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	m.nspawn = exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay",
		"--directory="+strings.TrimSpace(string(made)), "--bind-ro="+programs+":/opt/mailreg", "--boot")
	m.nspawn.Stdout, m.nspawn.Stderr = console, console
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM} // it takes the machine down
	if err := m.nspawn.Start(); err != nil {
		t.Fatalf("systemd-nspawn: %v (is systemd-container installed?)", err)
	}
	go func() { m.ended <- m.nspawn.Wait() }()
	t.Cleanup(m.end)
	m.await("the machine to boot", func() bool {
		m.init = m.child()
		// Until its namespaces are its own the child is nspawn itself; systemd makes this socket early.
		return m.init > 0 && m.command("test", "-S", "/run/dbus/system_bus_socket").Run() == nil
	})
	if out, err := m.command("systemctl", "is-system-running", "--wait").CombinedOutput(); err != nil {
		failed, _ := m.command("systemctl", "--failed", "--no-legend").CombinedOutput()
		t.Fatalf("the machine is %s: %v\n%s", out, err, failed)
	}
	return m
}

// child returns the process that nspawn has started, 0 for none.
func (m *machine) child() int {
	pid := m.nspawn.Process.Pid
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	child := 0
	_, _ = fmt.Sscan(string(data), &child)
	return child
}

// command returns a command that runs in the machine, and is killed when that takes too long.
func (m *machine) command(args ...string) *exec.Cmd {
	enter := []string{"--signal=KILL", fmt.Sprint(limit.Seconds()), "nsenter", "-t", fmt.Sprint(m.init), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"}
	cmd := exec.Command("timeout", append(enter, args...)...)
	cmd.WaitDelay = time.Second // a daemon that it starts may keep its output open
	cmd.Env = []string{"PATH=/opt/mailreg:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	return cmd
}

// must runs a command in the machine and returns what it prints.
func (m *machine) must(args ...string) string {
	m.t.Helper()
	cmd := m.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// mailreg runs mailreg in the machine and compares exit code, standard output and a part of standard error.
func (m *machine) mailreg(code int, stdout, stderr string, args ...string) {
	m.t.Helper()
	cmd := m.command(append([]string{"mailreg"}, args...)...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		m.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code || out.String() != stdout || !strings.Contains(diagnostics.String(), stderr) ||
		stderr == "" && diagnostics.Len() > 0 {
		m.t.Errorf("mailreg %s: exit %d\nstdout: %s\nstderr: %s\nwant exit %d, %q, ...%s...",
			strings.Join(args, " "), got, &out, &diagnostics, code, stdout, stderr)
	}
}

// write writes a file in the machine.
func (m *machine) write(path, text string) {
	m.t.Helper()
	m.must("mkdir", "-p", filepath.Dir(path))
	cmd := m.command("tee", path)
	cmd.Stdin = strings.NewReader(text)
	if err := cmd.Run(); err != nil {
		m.t.Fatal(err)
	}
}

// await asks until something holds.
func (m *machine) await(what string, holds func() bool) {
	m.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			console, _ := os.ReadFile(m.log)
			m.t.Fatalf("waiting for %s: %s has passed\n%s", what, limit, console)
		}
	}
}

// end switches the machine off, or kills it, and takes away what nspawn leaves behind.
func (m *machine) end() {
	if m.t.Failed() {
		journal, _ := m.command("journalctl", "--no-pager", "-n", "60").CombinedOutput()
		m.t.Logf("journal:\n%s", journal)
	}
	_ = m.command("systemctl", "poweroff").Run() // a machine that cannot is killed
	select {
	case <-m.ended:
	case <-time.After(limit):
		m.t.Errorf("the machine did not end within %s", limit)
		_ = syscall.Kill(m.init, syscall.SIGKILL) // with all that runs in it
		<-m.ended
	}
	m.await("the control groups to go", func() bool { return len(groups()) == 0 })
}

// groups takes away the control groups that nspawn has made below ours, and returns those that are still in use.
func groups() (left []string) {
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) < 3 || f[1] != "" && f[1] != "name=systemd" {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
			for _, name := range []string{"payload", "supervisor"} {
				left = append(left, removeGroups(filepath.Join(mount, f[2], name))...)
			}
		}
	}
	return left
}

// removeGroups removes the groups below a folder and itself, the innermost first; the files in them are the kernel's.
func removeGroups(top string) (left []string) {
	var all []string
	_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for _, path := range slices.Backward(all) {
		if err := syscall.Rmdir(path); err != nil && !errors.Is(err, syscall.ENOENT) {
			left = append(left, path)
		}
	}
	return left
}
