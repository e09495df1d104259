package sharing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

const (
	// boxesName is the file of Dovecot's list of who has been given something by whom: lines in pairs, a key and a value.
	boxesName = "boxes"
	boxesLock = boxesName + ".lock"
	// boxesClaim is the lock before it is in its place. Only the daemon makes one, and one at a time.
	boxesClaim = boxesLock + ".mailreg"
	// boxesLimit bounds what is read of it.
	boxesLimit = 256 << 20
	// A lock is held for milliseconds. One as old as staleLock was left behind, whoever it names.
	staleLock = 2 * time.Minute
	lockRetry = 10 * time.Millisecond
)

// box is a line of the list: owner has given something to a reader, "user/a@x.test", "group/Sales" or "anyone".
type box struct{ reader, owner string }

const boxPrefix = "shared/shared-boxes/"

// parseBoxes reads the list; what is no box of two parts is kept as it stands.
func parseBoxes(data []byte) (boxes map[box]bool, others []byte) {
	boxes = map[box]bool{}
	lines := strings.Split(string(data), "\n")
	var rest strings.Builder
	for i := 0; i+1 < len(lines); i += 2 {
		key, ok := strings.CutPrefix(lines[i], boxPrefix)
		at := strings.LastIndexByte(key, '/')
		if !ok || at < 0 {
			rest.WriteString(lines[i] + "\n" + lines[i+1] + "\n")
			continue
		}
		boxes[box{key[:at], key[at+1:]}] = true
	}
	return boxes, []byte(rest.String())
}

// printBoxes is the inverse of parseBoxes, sorted.
func printBoxes(boxes map[box]bool, others []byte) []byte {
	keys := make([]string, 0, len(boxes))
	for b := range boxes {
		keys = append(keys, b.reader+"/"+b.owner)
	}
	slices.Sort(keys)
	out := bytes.NewBuffer(slices.Clone(others))
	for _, key := range keys {
		fmt.Fprintf(out, "%s%s\n1\n", boxPrefix, key)
	}
	return out.Bytes()
}

// boxesOf returns the lines of a folder.
func boxesOf(f backend.Shared) map[box]bool {
	boxes := map[box]bool{}
	if f.Primary.IsZero() {
		return boxes
	}
	owner := f.Primary.String()
	for _, g := range f.Grants {
		switch g.Subject {
		case backend.User:
			boxes[box{"user/" + g.Name, owner}] = true
		case backend.Group:
			boxes[box{"group/" + strings.ReplaceAll(GroupID(g.Name), "/", `\|`), owner}] = true
		default:
			boxes[box{"anyone", owner}] = true
		}
	}
	return boxes
}

// editBoxes changes the list under the lock that Dovecot takes. dir belongs to the mail user.
func editBoxes(ctx context.Context, dir *confine.Dir, owner confine.Owner, edit func(map[box]bool)) error {
	if err := lockBoxes(ctx, dir, owner); err != nil {
		return fmt.Errorf("locking Dovecot's list of shared mailboxes: %w", err)
	}
	defer func() { _ = dir.Remove(boxesLock) }()
	data, err := dir.Read(boxesName, boxesLimit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	boxes, others := parseBoxes(data)
	before := maps.Clone(boxes)
	edit(boxes)
	if maps.Equal(before, boxes) {
		return nil
	}
	return dir.Replace(boxesName, printBoxes(boxes, others), owner)
}

// lockBoxes takes the lock as Dovecot does: the file says who has it, and comes to its place whole.
func lockBoxes(ctx context.Context, dir *confine.Dir, owner confine.Owner) error {
	if err := dir.Remove(boxesClaim); err != nil {
		return err
	}
	if err := dir.Create(boxesClaim, []byte(claim()), owner); err != nil {
		return err
	}
	for {
		err := dir.Move(boxesClaim, dir, boxesLock)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		left, err := abandoned(dir)
		if err != nil {
			return err
		}
		if left {
			if err := dir.Remove(boxesLock); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}

// claim is what Dovecot's lock files say: the process and its host (file_dotlock in its sources).
func claim() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%d:%s", os.Getpid(), host)
}

// abandoned reports whether whoever took the lock is gone: its process has ended, or had this one's number before a restart, or
// the lock is too old.
func abandoned(dir *confine.Dir) (bool, error) {
	data, err := dir.Read(boxesLock, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	number, host, named := strings.Cut(strings.TrimSpace(string(data)), ":")
	pid, err := strconv.Atoi(number)
	if own, ownHost, _ := strings.Cut(claim(), ":"); named && err == nil && pid > 0 && host == ownHost {
		if number == own || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return true, nil
		}
	}
	st, found, err := dir.Stat(boxesLock)
	return found && time.Since(time.Unix(st.Mtim.Unix())) > staleLock, err
}
