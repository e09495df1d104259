package cyrus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Flush does nothing: Cyrus caches no logins. saslauthd does, and is asked by handler account.
func (b *Backend) Flush(context.Context, ...string) error { return nil }

// Kick ends the sessions of these users. Cyrus has no command for it; but each of its processes notes whom it serves in a file
// named by its pid, and ends in good order when told to.
func (b *Backend) Kick(_ context.Context, users ...string) error {
	if b.cfg.Proc == "" {
		return nil
	}
	files, err := os.ReadDir(b.cfg.Proc)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it does not run
	}
	if err != nil {
		return fmt.Errorf("looking for sessions: %w", err)
	}
	for _, file := range files {
		pid, err := strconv.Atoi(file.Name())
		if err != nil || pid < 2 {
			continue
		}
		data, err := os.ReadFile(filepath.Join(b.cfg.Proc, file.Name()))
		if err == nil && serves(string(data), users) && isCyrus(pid) {
			_ = syscall.Kill(pid, syscall.SIGTERM) // an error says that it has ended
		}
	}
	return nil
}

// serves reports whether a note, SERVICE CLIENT USER MAILBOX COMMAND between tabs, names one of the users.
func serves(note string, users []string) bool {
	fields := strings.Split(note, "\t")
	return len(fields) > 2 && fields[2] != "" && slices.Contains(users, strings.ToLower(fields[2]))
}

// isCyrus reports whether a process is one that serves users: its number may be another program's by now.
func isCyrus(pid int) bool {
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	program, _, _ := strings.Cut(string(words), "\x00")
	return err == nil && slices.Contains([]string{"imapd", "pop3d", "timsieved"}, filepath.Base(program))
}
