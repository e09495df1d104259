// Package history is the log of the registry's transactions: one line for each key that one has changed, in a file that
// only grows.
package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Line is one key of one transaction. Sample:
//
//	{"id":7,"time":"2026-11-24T05:58:01Z","uid":0,"pid":311,"layer":"normal","key":"mail/messagesizelimit","old":"10240000","new":"20971520"}
//
// No old means that the layer did not set the key, no new that it no longer does. Of secrets only Secret is there, and
// Masked says so.
type Line struct {
	ID    int64     `json:"id"`
	Time  time.Time `json:"time"`
	UID   int       `json:"uid"`
	PID   int       `json:"pid"`
	Layer string    `json:"layer"`
	Key   string    `json:"key"`
	Old   *string   `json:"old,omitempty"`
	New   *string   `json:"new,omitempty"`
	// Masked says that the values are those of a secret, which the log does not know.
	Masked bool `json:"masked,omitempty"`
	// Made says that the registry has made the value up: no person has chosen it, and none takes it back.
	Made bool `json:"made,omitempty"`
	// Internal says that a part of the product wrote this by itself, not a person.
	Internal bool `json:"internal,omitempty"`
	// Undoes is the transaction whose effect this one took back, 0 for none.
	Undoes int64 `json:"undoes,omitempty"`
	// Failed says that it was taken back at once, because a service did not work with it.
	Failed bool `json:"failed,omitempty"`
}

// Secret stands for the value of a secret.
const Secret = "(secret)"

// Encode returns lines as the log holds them.
func Encode(lines []Line) ([]byte, error) {
	var text bytes.Buffer
	for _, l := range lines {
		line, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		text.Write(append(line, '\n'))
	}
	return text.Bytes(), nil
}

// Undo turns the lines of a transaction into those of the transaction with the given ID that takes it back because a
// service did not work with it.
func Undo(id int64, text []byte) ([]byte, error) {
	var undone []Line
	for line := range bytes.Lines(text) {
		var l Line
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, err
		}
		l.ID, l.Undoes, l.Failed, l.Old, l.New = id, l.ID, true, l.New, l.Old
		undone = append(undone, l)
	}
	return Encode(undone)
}

// Log is the log at a path, which need not exist yet. It is readable by its owner alone.
type Log string

// Size returns where the next lines go, in bytes.
func (l Log) Size() (int64, error) {
	info, err := os.Stat(string(l))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Reserve finds room for lines before there is no way back; where the file system cannot, it only sees whether the log
// can be opened.
func (l Log) Reserve(offset int64, text []byte) error {
	return l.open(text, func(f *os.File) error {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, int64(len(text)))
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return &fs.PathError{Op: "fallocate", Path: string(l), Err: err}
		}
		return nil
	})
}

// Append writes lines at the offset that Size gave, so that doing it again changes nothing. A log that became shorter
// since was rotated; then they go to its end.
func (l Log) Append(offset int64, text []byte) error {
	return l.open(text, func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(text, min(offset, info.Size())); err != nil {
			return err
		}
		return f.Sync()
	})
}

// open opens the log for something to be done with text, of which there is some.
func (l Log) open(text []byte, do func(*os.File) error) error {
	if len(text) == 0 {
		return nil
	}
	f, err := os.OpenFile(string(l), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(do(f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the transaction log: %w", err)
	}
	return nil
}
