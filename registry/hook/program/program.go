// Package program runs a program to its end, and no longer: without a shell, with a limit of time and of output, and
// killed together with all that it has started.
package program

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// Call says what to run.
type Call struct {
	// Path is the program, absolute.
	Path string
	// Name is what the program finds as its own name; Path when empty.
	Name string
	// Args are its arguments.
	Args []string
	// Env is its environment, as NAME=VALUE; ours when nil.
	Env []string
	// Dir is where it runs; where we are when empty.
	Dir string
	// Input is its standard input; nil is none.
	Input []byte
	// Limit is how long it may take.
	Limit time.Duration
	// Grace is how long it has to come to its end by itself when it is to stop; 0 kills it at once.
	Grace time.Duration
	// User is who it runs as; nil is who we are.
	User *User
}

// User is an account with all its groups.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Result is what a program has printed, each stream up to 1 MiB.
type Result struct{ Stdout, Stderr string }

// Run runs the program. A status other than 0 is an error, see Status. When the context ends, the limit has passed or more
// than 64 MiB were printed, the program is killed with its process group, and the error says why.
func (c Call) Run(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	cmd, stdout, stderr, err := c.command()
	for _, f := range []*os.File{stdout, stderr} {
		defer f.Close()
	}
	if err != nil {
		return Result{}, err
	}
	if input, ok := cmd.Stdin.(*os.File); ok {
		defer input.Close()
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	go limitOutput(ctx, end, stdout, stderr)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { c.end(cmd.Process.Pid, ended) })
	err = cmd.Wait()
	close(ended)
	if !stop() && err != nil {
		err = context.Cause(ctx)
	}
	return Result{Stdout: content(stdout), Stderr: content(stderr)}, err
}

// end ends a process group; an error says that all have ended.
func (c Call) end(pid int, ended <-chan struct{}) {
	if c.Grace > 0 {
		_ = syscall.Kill(-pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(c.Grace):
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// command prepares the program. Its streams are files, not pipes: a daemon that it starts would keep a pipe open, and us
// waiting.
func (c Call) command() (cmd *exec.Cmd, stdout, stderr *os.File, err error) {
	if stdout, err = scratch(); err != nil {
		return nil, nil, nil, err
	}
	if stderr, err = scratch(); err != nil {
		return nil, stdout, nil, err
	}
	cmd = exec.Command(c.Path, c.Args...)
	cmd.Args[0] = cmp.Or(c.Name, c.Path)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.User.UID, Gid: c.User.GID, Groups: c.User.Groups}
	}
	if c.Input == nil {
		return cmd, stdout, stderr, nil
	}
	input, err := scratch()
	if err != nil {
		return nil, stdout, stderr, err
	}
	cmd.Stdin = input
	if _, err = input.WriteAt(c.Input, 0); err != nil {
		return nil, stdout, stderr, errors.Join(err, input.Close())
	}
	return cmd, stdout, stderr, nil
}

// mostOutput is how much a program may print before it is killed, in bytes: scratch files are memory.
const mostOutput = 64 << 20

// limitOutput ends a context when one of the files that a program prints into grows too large.
func limitOutput(ctx context.Context, end context.CancelCauseFunc, files ...*os.File) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tooLarge := func(f *os.File) bool {
			info, err := f.Stat()
			return err == nil && info.Size() > mostOutput
		}
		if slices.ContainsFunc(files, tooLarge) {
			end(fmt.Errorf("it printed more than %d MiB", mostOutput>>20))
		}
	}
}

// Status returns the exit status that an error of Run stands for; there is none when the program was killed or never ran.
func Status(err error) (status int, ok bool) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || !exit.Exited() {
		return 0, false
	}
	return exit.ExitCode(), true
}

// quoted is how much of what a program has printed becomes part of an error, in bytes: errors are kept.
const quoted = 2000

// Said makes one line of what the program has printed, to follow its error, without what would turn a terminal around.
func (r Result) Said() string {
	text := cmp.Or(strings.TrimSpace(r.Stderr), strings.TrimSpace(r.Stdout))
	if text == "" {
		return ""
	}
	more := ""
	if len(text) > quoted {
		text, more = text[:quoted], "..."
	}
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	for i, line := range lines {
		lines[i] = strings.Map(visible, strings.TrimRight(line, "\r"))
	}
	return ": " + strings.Join(lines, "; ") + more
}

func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r):
		return '?'
	}
	return r
}

// Trusted reports why a file or folder is not the administrator's alone: what others could have written is not run.
func Trusted(info fs.FileInfo) error {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d", sys.Uid)
	}
	if info.Mode()&0o022 != 0 {
		return fmt.Errorf("can be written by others (mode %#o)", info.Mode().Perm())
	}
	return nil
}

// scratch returns a file without a name, which nothing can leave behind.
func scratch() (*os.File, error) {
	fd, err := unix.MemfdCreate("mailreg", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a scratch file: %w", err)
	}
	return os.NewFile(uintptr(fd), "scratch"), nil
}

func content(f *os.File) string {
	var b bytes.Buffer
	if _, err := f.Seek(0, io.SeekStart); err == nil {
		_, _ = b.ReadFrom(io.LimitReader(f, 1<<20)) // it is for messages; a part will do
	}
	return b.String()
}
