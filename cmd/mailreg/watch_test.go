package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
)

// openTerminal returns both ends of a terminal of 60 columns and 12 rows (pty(7)).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: 60, Row: 12})
	}
	if err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// serveFake serves the fake daemon below a root until the test ends.
func serveFake(t *testing.T, root string) {
	t.Helper()
	l, err := server.Listen(filepath.Join(root, controlSocket))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, fakeDaemon{}, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// watchOn runs "listener status --watch" until what is read from its output satisfies enough, and returns all of it.
func watchOn(t *testing.T, master, slave *os.File, enough func(string) bool, more ...string) string {
	t.Helper()
	root := t.TempDir()
	serveFake(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: slave, stderr: &stderr, getenv: func(string) string { return "" }}
	code := make(chan int, 1)
	go func() {
		code <- a.run(ctx, append([]string{"--root", root, "listener", "status", "--watch"}, more...))
		_ = slave.Close()
	}()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := master.Read(buffer)
		seen.Write(buffer[:n])
		if err != nil {
			break // the other end is closed
		}
		if enough(seen.String()) {
			cancel()
		}
	}
	if c := <-code; c != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", c, stderr.String())
	}
	return seen.String()
}

// TestWatchLeavesTheTerminalClean holds that what is drawn fits, and that all of it is taken back.
func TestWatchLeavesTheTerminalClean(t *testing.T) {
	master, slave := openTerminal(t)
	seen := watchOn(t, master, slave, func(s string) bool { return strings.Contains(s, "Ctrl-C ends") })
	if !strings.HasPrefix(seen, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(seen, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("%q", seen)
	}
	if !strings.Contains(seen, "Ready: yes") || strings.Count(seen, "\x1b[?1049h") != 1 {
		t.Errorf("%q", seen)
	}
}

func TestWatchAsJSON(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	seen := watchOn(t, out, in, func(s string) bool { return strings.Contains(s, "\n") }, "--json")
	var status control.Status
	if err := json.Unmarshal([]byte(seen), &status); err != nil || !status.Ready || strings.Count(seen, "\n") != 1 {
		t.Errorf("%q: %v", seen, err)
	}
}

func TestWatchWithoutDaemon(t *testing.T) {
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }}
	if code := a.run(t.Context(), []string{"--root", t.TempDir(), "listener", "status", "--watch"}); code != 1 || stdout.Len() > 0 {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
}
