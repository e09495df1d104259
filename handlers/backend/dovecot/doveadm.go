package dovecot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// ErrNoUser says that Dovecot does not know a user.
var ErrNoUser = errors.New("no such user for Dovecot")

// Doveadm runs Dovecot's administration tool for what its socket does not offer: copies to another host, and questions
// whose answer is needed. It takes 20 to 75 ms a call.
type Doveadm struct{ root string }

// NewDoveadm returns the tool of a root.
func NewDoveadm(root string) *Doveadm { return &Doveadm{root: filepath.Join("/", root)} }

// Copy makes the mail of a user on another host equal to the mail here ("backup"), or only adds to it there what is here
// ("sync -1"). user is an address that was checked; socket is where the other host's doveadm answers.
func (d *Doveadm) Copy(ctx context.Context, user schema.Address, socket string, add bool) error {
	args := []string{"backup", "-u", user.String(), "tcp:" + socket}
	if add {
		args = append([]string{"sync", "-1"}, args[1:]...)
	}
	_, err := d.run(ctx, args...)
	return err
}

// answerLimit bounds a question; a user with thousands of mailboxes takes seconds.
const answerLimit = 2 * time.Minute

// Home returns where Dovecot looks for the mail of a user when doveadm asks.
func (d *Doveadm) Home(ctx context.Context, user schema.Address) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	out, err := d.run(ctx, "user", "-f", "home", user.String())
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(out), nil
}

// Boxes returns the mailboxes of a user by name.
func (d *Doveadm) Boxes(ctx context.Context, user schema.Address) (map[string]backend.Box, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	out, err := d.run(ctx, "-f", "tab", "mailbox", "status", "-u", user.String(), "messages uidnext uidvalidity highestmodseq", "*")
	if err != nil {
		return nil, err
	}
	return parseBoxes(out)
}

// parseBoxes reads a table whose first line names the columns.
func parseBoxes(out string) (map[string]backend.Box, error) {
	boxes := map[string]backend.Box{}
	var columns []string
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if columns == nil {
			columns = fields
			continue
		}
		if len(fields) != len(columns) {
			return nil, fmt.Errorf("reading the state of mailboxes: %d fields in line %q, not %d", len(fields), line, len(columns))
		}
		box, name := backend.Box{}, ""
		for i, column := range columns {
			n, err := strconv.ParseUint(fields[i], 10, 64)
			switch column {
			case "mailbox":
				name, err = fields[i], nil
			case "messages":
				box.Messages = uint32(n)
			case "uidnext":
				box.UIDNext = uint32(n)
			case "uidvalidity":
				box.UIDValidity = uint32(n)
			case "highestmodseq":
				box.Modseq = n
			}
			if err != nil {
				return nil, fmt.Errorf("reading the state of mailboxes: %s is %q", column, fields[i])
			}
		}
		boxes[name] = box
	}
	return boxes, nil
}

// Codes with which doveadm ends (sysexits.h, and 2 of "sync").
const (
	exitDesync = 2
	exitNoUser = 67
)

// run runs doveadm to its end. It dies with this process, so that no copy goes on whose end nobody waits for.
func (d *Doveadm) run(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"-c", filepath.Join(d.root, "etc/dovecot/dovecot.conf")}, args...)
	cmd := exec.CommandContext(ctx, "doveadm", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !errors.As(err, &exit):
		return "", fmt.Errorf("doveadm: %w", err)
	}
	said := lastWords(stderr.String())
	switch exit.ExitCode() {
	case exitDesync:
		return "", fmt.Errorf("%w (%s)", backend.ErrAgain, said)
	case exitNoUser:
		return "", fmt.Errorf("%w (%s)", ErrNoUser, said)
	default:
		return "", fmt.Errorf("doveadm %s: exit %d: %s", args[2], exit.ExitCode(), cmp.Or(said, "the log of Dovecot says why, here or there"))
	}
}

// lastWords returns the end of what doveadm has said, on one line, without what it warns of at each start.
func lastWords(text string) string {
	var said []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "client_limit") {
			said = append(said, line)
		}
	}
	all := strings.Join(said[max(0, len(said)-3):], "; ")
	if len(all) > 400 {
		all = all[:400] + "..."
	}
	return all
}
