package cyrus

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mailreg/mailreg/schema"
)

const (
	// denyProgram is part of Debian's package cyrus-common.
	denyProgram = "/usr/lib/cyrus/bin/cyr_deny"
	// denyReason is what users read who are kept out, and by which ours are known among those whom a person keeps out.
	denyReason = "the mailbox is on its way to another mail server, please try again soon"
	// denyServices are all but the administrator's own socket, by which the daemon acts in the name of users.
	denyServices = "!imapadmin,*"
)

// KeepOut keeps users out (cyr_deny): mail for them gets "451 4.2.1", nobody can log in as one of them, and who is ends with the
// next command. It holds without the daemon, also after a restart of Cyrus. An administrator can still do everything.
//
// Mail for an address without a mailbox gets 550 all the same: Cyrus looks for that first.
func (b *Backend) KeepOut(ctx context.Context, users ...schema.Address) error {
	for _, user := range users {
		if _, err := b.deny(ctx, "-m", denyReason, "-s", denyServices, "--", user.String()); err != nil {
			return fmt.Errorf("keeping %s out: %w", user, err)
		}
	}
	return nil
}

// LetIn ends KeepOut. Who is not kept out stays so.
func (b *Backend) LetIn(ctx context.Context, users ...schema.Address) error {
	for _, user := range users {
		if _, err := b.deny(ctx, "-a", "--", user.String()); err != nil {
			return fmt.Errorf("letting %s in: %w", user, err)
		}
	}
	return nil
}

// KeptOut returns whom KeepOut keeps out, and not those whom a person does.
func (b *Backend) KeptOut(ctx context.Context) ([]schema.Address, error) {
	out, err := b.deny(ctx, "-l")
	if err != nil {
		return nil, fmt.Errorf("asking who is kept out: %w", err)
	}
	var all []schema.Address
	for line := range strings.Lines(out) {
		if !strings.Contains(line, denyReason) {
			continue
		}
		if a, err := schema.ParseAddress(strings.Fields(line)[0]); err == nil {
			all = append(all, a)
		}
	}
	return all, nil
}

// deny runs cyr_deny, which becomes the user cyrus. It waits for the sessions that it ends.
func (b *Backend) deny(ctx context.Context, args ...string) (string, error) {
	within, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	cmd := exec.CommandContext(within, denyProgram, append([]string{"-C", filepath.Clean(b.cfg.Conf)}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if args[0] != "-m" && strings.Contains(stderr.String(), "failed to open deny db: No such file or directory") {
		return "", nil // nobody has been kept out yet
	}
	if err != nil {
		return "", down(ctx, fmt.Errorf("cyr_deny: %w: %.200s", err, strings.TrimSpace(stderr.String())))
	}
	return stdout.String(), nil
}
