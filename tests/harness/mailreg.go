package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// commandLimit bounds one call of mailreg.
const commandLimit = 90 * time.Second

// Result is what a command left behind.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// String shows the result in a message.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\nstdout: %sstderr: %s", r.Code, r.Stdout, r.Stderr)
}

// Mailreg is the built command line on a sandbox's root.
type Mailreg struct {
	t       T
	sandbox *Sandbox
}

// NewMailreg returns the command line for a sandbox.
func NewMailreg(t T, sandbox *Sandbox) *Mailreg { return &Mailreg{t: t, sandbox: sandbox} }

// Run runs mailreg with arguments and returns what it left behind, whatever its exit code.
func (m *Mailreg) Run(args ...string) Result {
	m.t.Helper()
	return m.RunWith("", args...)
}

// RunWith is Run with a standard input.
func (m *Mailreg) RunWith(stdin string, args ...string) Result {
	m.t.Helper()
	return m.RunCommand(stdin, m.Command(args...))
}

// Command returns the command that Run runs, for tests that run it in another way.
func (m *Mailreg) Command(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := m.sandbox.Tool(built(m.t, "mailreg"), args...)
	cmd.Env = append(os.Environ(), "MAILREG_ROOT="+m.sandbox.Root(), "LC_ALL=C")
	return cmd
}

// RunCommand runs a command to its end.
func (m *Mailreg) RunCommand(stdin string, cmd *exec.Cmd) Result {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		m.t.Fatalf("%v: %v", cmd.Args, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		m.t.Fatalf("%v: %v\n%s", cmd.Args, err, r)
	}
	return r
}

// Must runs mailreg, demands exit code 0 and returns its standard output.
func (m *Mailreg) Must(args ...string) string {
	m.t.Helper()
	r := m.Run(args...)
	if r.Code != 0 {
		m.t.Fatalf("mailreg %s: %s", strings.Join(args, " "), r)
	}
	return r.Stdout
}

// JSON runs mailreg with --json, demands exit code 0 and decodes its output into v.
func (m *Mailreg) JSON(v any, args ...string) {
	m.t.Helper()
	out := m.Must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		m.t.Fatalf("mailreg %s --json: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Wait waits until the listener has done all that the directory holds now.
func (m *Mailreg) Wait() string {
	m.t.Helper()
	return m.Must("listener", "wait", "--timeout", "60s")
}

// Listener is the built daemon on a sandbox's root.
type Listener struct {
	*Process
	// Program is the command line of another program that stands in for the daemon; none when empty.
	Program []string

	t       T
	sandbox *Sandbox
}

// NewListener starts the daemon and waits until its control socket answers. In step with the directory it is only when
// Mailreg.Wait has returned.
func NewListener(t T, sandbox *Sandbox) *Listener {
	t.Helper()
	l := &Listener{t: t, sandbox: sandbox}
	l.Start()
	return l
}

// SpawnListener starts the daemon and does not wait: for one that is expected to refuse.
func SpawnListener(t T, sandbox *Sandbox) *Listener {
	t.Helper()
	l := &Listener{t: t, sandbox: sandbox}
	l.Spawn()
	return l
}

// StandIn returns a daemon that is not started yet, whose command line is another program's with --root at its end.
func StandIn(t T, sandbox *Sandbox, program ...string) *Listener {
	return &Listener{t: t, sandbox: sandbox, Program: program}
}

// Start starts it again after Stop or Kill.
func (l *Listener) Start() {
	l.t.Helper()
	l.Spawn()
	socket := filepath.Join(l.sandbox.Root(), "run/mailreg/control.sock")
	l.await(func() error {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Spawn starts it and does not wait: for a daemon that is expected to refuse, or that is killed at once.
func (l *Listener) Spawn() {
	l.t.Helper()
	program := l.Program
	if len(program) == 0 {
		program = []string{built(l.t, "mailreg-listener")}
	}
	cmd := l.sandbox.Tool(program[0], append(program[1:len(program):len(program)], "--root", l.sandbox.Root())...)
	l.Process = start(l.t, "mailreg-listener", l.Log(), cmd)
}

// Await asks until there is no error, for what the daemon does by itself and tells nobody.
func (l *Listener) Await(what string, done func() error) {
	l.t.Helper()
	await(l.t, what, l.Log(), done)
}

// Log returns the path of its log.
func (l *Listener) Log() string { return filepath.Join(l.sandbox.Dir, "log/mailreg-listener.log") }
