package hook

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// InCommit is the environment variable that tells programs that a commit has started them.
const InCommit = "MAILREG_IN_COMMIT"

// patience is how long one program may take.
const patience = time.Minute

// sbin are the folders that users' search paths leave out.
var sbin = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// find returns the path of a program, "" when it is not installed.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// result is what a program has said.
type result struct{ stdout, stderr string }

// run runs a program to its end; a status other than 0 is an error that quotes what it has said.
func run(ctx context.Context, name string, args ...string) (result, error) {
	path := find(name)
	if path == "" {
		return result{}, fmt.Errorf("%s is not installed", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = name // Postfix's programs begin their messages with it
	// Messages are compared and quoted, so they are wanted in one language.
	cmd.Env = append(os.Environ(), "LC_ALL=C", InCommit+"=1", "PATH="+strings.Join(append(sbin, os.Getenv("PATH")), ":"))
	r, err := execute(ctx, cmd, patience)
	if err != nil {
		err = fmt.Errorf("%s: %w%s", name, err, said(r))
	}
	return r, err
}

// execute runs a command to its end, and no longer than a limit: then it is killed with all that it has started.
func execute(ctx context.Context, cmd *exec.Cmd, limit time.Duration) (result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// Files, not pipes: a daemon that the program starts would keep a pipe open, and us waiting.
	stdout, err := scratch()
	if err != nil {
		return result{}, err
	}
	defer stdout.Close()
	stderr, err := scratch()
	if err != nil {
		return result{}, err
	}
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	go limitOutput(ctx, end, stdout, stderr)
	stop := context.AfterFunc(ctx, func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error says that all have ended
	})
	err = cmd.Wait()
	if !stop() && err != nil {
		err = context.Cause(ctx)
	}
	return result{stdout: content(stdout), stderr: content(stderr)}, err
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
		for _, f := range files {
			if info, err := f.Stat(); err == nil && info.Size() > mostOutput {
				end(fmt.Errorf("it printed more than %d MiB", mostOutput>>20))
			}
		}
	}
}

// quoted is how much of what a program has printed becomes part of an error, in bytes: errors are kept in the state.
const quoted = 2000

// said makes one line of what a program has printed, to follow its error, without what would turn a terminal around.
func said(r result) string {
	text := cmp.Or(strings.TrimSpace(r.stderr), strings.TrimSpace(r.stdout))
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
