package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Clamd is the ClamAV daemon of a root: config ROOT/etc/clamav/clamd.conf, beside that of freshclam.
type Clamd struct{ daemon }

// NewClamd returns the clamd below root, an absolute path.
func NewClamd(root string) *Clamd {
	c := &Clamd{daemon{
		root: root, name: "clamd", dir: "/etc/clamav", program: "clamd", processes: []string{"clamd"},
		units: []string{"clamav-daemon.service"}, pidFile: "/run/clamav/clamd.pid",
	}}
	c.start = []string{"clamd", "--config-file=" + c.config(), "--pid=" + c.below(c.pidFile)}
	return c
}

func (c *Clamd) config() string { return c.below("/etc/clamav/clamd.conf") }

// Version returns the release, such as "1.4.6".
func (*Clamd) Version() string {
	r, err := run(context.Background(), "clamd", "--version")
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(r.Stdout), "ClamAV "), "/")
	return version
}

// RestartOnly says that a reload does not serve: it reads new signatures, not new settings.
func (*Clamd) RestartOnly() bool { return true }

// Check has clamconf read the staged files. Its status says nothing.
func (c *Clamd) Check(ctx context.Context, stage string) (warnings []string, err error) {
	if !has(stage, "clamd.conf") && !has(stage, "freshclam.conf") {
		return nil, nil
	}
	if find("clamconf") == "" {
		return missing("clamconf", c.name), nil
	}
	r, err := run(ctx, "clamconf", "--config-dir="+stage)
	if err != nil {
		return nil, err
	}
	var refused []error
	for line := range strings.Lines(r.Stderr) {
		line = strings.ReplaceAll(strings.TrimSpace(line), stage, c.dir)
		if message, ok := strings.CutPrefix(line, "ERROR: "); ok {
			refused = append(refused, errors.New(message))
		}
	}
	if dir := clamdSetting(filepath.Join(stage, "clamd.conf"), "DatabaseDirectory"); dir != "" && len(refused) == 0 {
		if _, err := os.Stat(dir); err != nil {
			refused = append(refused, fmt.Errorf("DatabaseDirectory: %w", err))
		}
	}
	return nil, errors.Join(refused...)
}

// clamdSetting returns the value of an option of clamd.conf, "" without one.
func clamdSetting(file, option string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.EqualFold(name, option) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// Act starts clamd after stopping the one that runs. The new one tells the process that started it by an interrupt that it
// is ready; when it is so before that process expects it, that process dies of it. Whether clamd runs is Verify's question.
func (c *Clamd) Act(ctx context.Context, action string) error {
	err := c.act(ctx, action, 0)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGINT {
			return nil
		}
	}
	return err
}

// loadTime is how long clamd may take to load its signatures, of which there are millions.
const loadTime = 3 * time.Minute

// Verify waits until clamd answers, or until it has been loading signatures for so long that nothing can be said.
func (c *Clamd) Verify(ctx context.Context) error {
	if err := c.started(ctx); err != nil {
		return err
	}
	address := clamdSetting(c.config(), "LocalSocket")
	if address == "" {
		port := clamdSetting(c.config(), "TCPSocket")
		if port == "" {
			return nil
		}
		address = reachable(clamdSetting(c.config(), "TCPAddr"), port)
	}
	var err error
	done := func() bool {
		err = converse(ctx, address, questionDialogue("nPING", "PONG")) // clamd(8), COMMANDS
		return err == nil || errors.Is(err, errAnswer) || !c.Running()
	}
	switch answered := await(ctx, loadTime, done); {
	case answered && err != nil:
		return fmt.Errorf("clamd at %s: %w", address, err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return nil
}
