package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Sandbox is a scratch folder for the servers of one test. When the test has failed, the ends of all logs are printed and
// the folder is kept.
type Sandbox struct {
	// Dir is the folder, /tmp/mr-XXXX: short, because the path of a unix socket has less than 108 bytes.
	Dir string
	// Tree has the servers' programs, and is what our own programs take for the machine; nil is the host.
	Tree *Tree

	t  T
	ca *CA
}

// NewSandbox makes a scratch folder that is removed when the T is done.
func NewSandbox(t T) *Sandbox {
	t.Helper()
	syscall.Umask(0o022) // for the servers' own programs, too: they must be able to read what is made here
	dir, err := os.MkdirTemp("/tmp", "mr-")
	if err != nil {
		t.Fatalf("making a sandbox: %v", err)
	}
	s := &Sandbox{t: t, Dir: dir}
	for _, path := range []string{dir, s.Root(), filepath.Join(dir, "log")} {
		// Servers that give up root must be able to pass through.
		if err := errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, 0o755)); err != nil {
			t.Fatalf("making a sandbox: %v", err)
		}
	}
	t.Cleanup(s.close)
	return s
}

func (s *Sandbox) close() {
	if !s.t.Failed() {
		if err := os.RemoveAll(s.Dir); err != nil {
			s.t.Errorf("removing the sandbox: %v", err)
		}
		return
	}
	s.t.Logf("the sandbox is kept in %s", s.Dir)
	for _, pattern := range []string{"log/*", "root/var/log/*"} {
		logs, err := filepath.Glob(filepath.Join(s.Dir, pattern))
		if err != nil {
			s.t.Errorf("looking for logs: %v", err)
		}
		for _, log := range logs {
			s.t.Logf("%s", tail(log))
		}
	}
}

// Root is the folder for mailreg's --root. It is empty at first.
func (s *Sandbox) Root() string { return filepath.Join(s.Dir, "root") }

// Tool returns a command that runs a program of the sandbox's tree, by its name, or one of ours, by its path.
func (s *Sandbox) Tool(program string, args ...string) *exec.Cmd {
	s.t.Helper()
	return s.Tree.Command(s.t, program, args...)
}

// CA returns the sandbox's certificate authority, made at the first call.
func (s *Sandbox) CA() *CA {
	s.t.Helper()
	if s.ca == nil {
		s.ca = NewCA(s.t, filepath.Join(s.Dir, "ca"))
	}
	return s.ca
}

// Port returns a free TCP port of 127.0.0.1 that no other test of this machine gets until the T is done.
func (s *Sandbox) Port() int {
	s.t.Helper()
	return Port(s.t)
}

// Port returns a free TCP port of 127.0.0.1 that no other T of this machine gets until this one is done. It lies below
// the range from which the kernel gives out ports by itself.
func Port(t T) int {
	t.Helper()
	for range 200 {
		port := 20000 + rand.IntN(12000)
		// An abstract socket marks the port as taken; the kernel drops it when our process ends, however it ends.
		mark, err := net.Listen("unix", fmt.Sprintf("@mailreg-port-%d", port))
		if err != nil {
			continue
		}
		try, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			_ = mark.Close() // another program has the port; the mark was ours alone
			continue
		}
		if err := try.Close(); err != nil {
			t.Fatalf("trying port %d: %v", port, err)
		}
		t.Cleanup(func() { _ = mark.Close() }) // only a mark
		return port
	}
	t.Fatalf("no free port on 127.0.0.1 in 200 tries")
	return 0
}
