package registry

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

// logLine is one line of the transaction log: one key of one transaction. Sample:
//
//	{"id":7,"time":"2026-11-24T05:58:01Z","uid":0,"pid":311,"layer":"normal","key":"mail/messagesizelimit","old":"10240000","new":"20971520"}
//
// No old means that the layer did not set the key, no new that it no longer does. Of secrets only "(secret)" is there.
type logLine struct {
	ID    int64     `json:"id"`
	Time  time.Time `json:"time"`
	UID   int       `json:"uid"`
	PID   int       `json:"pid"`
	Layer string    `json:"layer"`
	Key   string    `json:"key"`
	Old   *string   `json:"old,omitempty"`
	New   *string   `json:"new,omitempty"`
	// Undoes is the transaction whose effect this one took back because the service did not work with it.
	Undoes int64 `json:"undoes,omitempty"`
}

// logLines renders the log of a transaction.
func (r *Registry) logLines(id int64, layer Layer, v *View, changes []keyChange) ([]byte, error) {
	mask := func(key string, val *string) *string {
		if d, _ := v.table.find(key); d.Secret && val != nil {
			masked := "(secret)"
			return &masked
		}
		return val
	}
	var lines bytes.Buffer
	for _, c := range changes {
		line, err := json.Marshal(logLine{
			ID: id, Time: r.now().Truncate(time.Second), UID: os.Getuid(), PID: os.Getpid(), Layer: layer.String(),
			Key: c.key, Old: mask(c.key, c.old), New: mask(c.key, c.new),
		})
		if err != nil {
			return nil, err
		}
		lines.Write(append(line, '\n'))
	}
	return lines.Bytes(), nil
}

// undoLines turns the log of a transaction into that of its undoing.
func undoLines(id int64, lines []byte) ([]byte, error) {
	var undone bytes.Buffer
	for line := range bytes.Lines(lines) {
		var l logLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, err
		}
		l.ID, l.Undoes, l.Old, l.New = id, l.ID, l.New, l.Old
		line, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		undone.Write(append(line, '\n'))
	}
	return undone.Bytes(), nil
}

// logSize returns where the next lines go.
func (r *Registry) logSize() (int64, error) {
	info, err := os.Stat(r.path(logFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// reserveLog finds room for lines before there is no way back; where the file system cannot, it sees only whether the log
// can be opened.
func (r *Registry) reserveLog(offset int64, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(r.path(logFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("writing the transaction log: %w", err)
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, int64(len(lines)))
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return errors.Join(fmt.Errorf("writing the transaction log: %w", err), f.Close())
	}
	return f.Close()
}

// appendLog writes lines at the offset that the journal names, so that doing it again changes nothing. A log that became
// shorter since was rotated; then they go to its end.
func (r *Registry) appendLog(offset int64, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(r.path(logFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("writing the transaction log: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(lines, min(offset, info.Size()))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the transaction log: %w", err)
	}
	return nil
}
