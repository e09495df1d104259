package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// startLimit is how long a server may take to answer after its start, and to end after it was told to. It is far more
// than any of them needs; it only keeps a broken one from hanging the tests.
const startLimit = 20 * time.Second

// Process is a server in the foreground, a child of the test.
type Process struct {
	t    T
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
	// wanted is set when the process was told to end.
	wanted atomic.Bool
}

// start runs a server whose output goes to the end of the log file.
func start(t T, name, log string, cmd *exec.Cmd) *Process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	// A process group of its own, so that what the server has started ends with it; and it ends with the test run.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGTERM
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	p := &Process{t: t, name: name, log: log, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Start runs a program as a server in the foreground until it answers; it ends with the test.
func (s *Sandbox) Start(answers func() error, program string, args ...string) *Process {
	s.t.Helper()
	log := filepath.Join(s.Dir, "log", program+".log")
	p := start(s.t, program, log, s.Tool(program, args...))
	p.await(answers)
	return p
}

// Stop asks the server to end by SIGTERM and waits until it has.
func (p *Process) Stop() {
	p.t.Helper()
	p.wanted.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
	select {
	case <-p.ended:
	case <-time.After(startLimit):
		p.Kill()
		p.t.Errorf("%s did not stop within %s%s", p.name, startLimit, tail(p.log))
	}
}

// Kill ends the server, and what it has started, by SIGKILL.
func (p *Process) Kill() {
	p.wanted.Store(true)
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // an error says that none is left
	<-p.ended
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Exit waits until the process has ended by itself and returns its exit code.
func (p *Process) Exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(startLimit):
		p.t.Fatalf("%s still runs after %s%s", p.name, startLimit, tail(p.log))
		return -1
	}
}

// await asks until the server answers; that it has ended meanwhile is a failure.
func (p *Process) await(answers func() error) {
	p.t.Helper()
	await(p.t, p.name, p.log, func() error {
		err := answers()
		if err != nil && !p.Running() {
			p.t.Fatalf("%s has ended: %v%s", p.name, p.cmd.ProcessState, tail(p.log))
		}
		return err
	})
}

// await asks until there is no error. It is for the start and the stop of servers, which tell nobody when they are done.
func await(t T, name, log string, answers func() error) {
	t.Helper()
	deadline := time.Now().Add(startLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v after %s%s", name, err, startLimit, tail(log))
		}
		<-tick.C
	}
}

// tail returns the last lines of a log, set off for the end of a message.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return fmt.Sprintf(" (%v)", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	return "\n--- " + path + "\n" + strings.Join(lines, "\n") + "\n---"
}

// Await asks until a condition holds, for what comes about by itself and tells nobody.
func Await(t T, what string, holds func() bool) {
	t.Helper()
	await(t, what, "", func() error {
		if !holds() {
			return errors.New("does not come")
		}
		return nil
	})
}
