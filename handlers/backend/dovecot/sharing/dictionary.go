package sharing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

const (
	// boxesName is the file of Dovecot's list of who has been given something by whom: lines in pairs, a key and a value.
	boxesName = "boxes"
	boxesLock = boxesName + ".lock"
	// boxesLimit bounds what is read of it.
	boxesLimit = 256 << 20
	// A lock of Dovecot's is held for milliseconds. One as old as staleLock was left by a process that was killed.
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

func lockBoxes(ctx context.Context, dir *confine.Dir, owner confine.Owner) error {
	for {
		err := dir.Create(boxesLock, nil, owner)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		st, found, err := dir.Stat(boxesLock)
		if err != nil {
			return err
		}
		if found && time.Since(time.Unix(st.Mtim.Unix())) > staleLock {
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
