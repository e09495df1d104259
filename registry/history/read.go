package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// block is how much is read at once on the way from the end of a log to its beginning, in bytes.
const block = 64 << 10

// Backward yields the lines of the log and of its rotated parts, the newest first. It reads from the end and only as far as
// it is asked, so the age of a host does not matter. A line that cannot be understood is yielded as an error that names
// file and place, and the reading goes on; but for a last line without end, which a crash has cut short and whose
// transaction the next command finishes. Rotated parts are those that logrotate(8) makes: NAME.1, NAME.2.gz, NAME-20261124.
func (l Log) Backward() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		parts, err := l.parts()
		if err != nil {
			yield(Line{}, err)
			return
		}
		for i, part := range parts {
			more, err := (&reader{path: part, live: i == 0, yield: yield}).run()
			if err != nil {
				more = yield(Line{}, fmt.Errorf("reading the transaction log: %w", err))
			}
			if !more {
				return
			}
		}
	}
}

// parts returns the files of the log, the newest first.
func (l Log) parts() ([]string, error) {
	dir, name := filepath.Split(string(l))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the transaction log: %w", err)
	}
	// logrotate keeps the times of its files, whatever it calls them.
	times := map[string]int64{}
	var rotated []string
	found := false
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), name)
		info, err := e.Info()
		switch {
		case !ok || err != nil || !e.Type().IsRegular():
		case rest == "":
			found = true
		case rest[0] == '.' || rest[0] == '-':
			path := filepath.Join(dir, e.Name())
			times[path] = info.ModTime().UnixNano()
			rotated = append(rotated, path)
		}
	}
	slices.Sort(rotated) // NAME.1 is newer than NAME.2
	slices.SortStableFunc(rotated, func(a, b string) int { return int(min(1, max(-1, times[b]-times[a]))) })
	if found {
		rotated = slices.Insert(rotated, 0, string(l))
	}
	return rotated, nil
}

// reader reads one file from its end.
type reader struct {
	path string
	// live is set until the piece behind the last line end of the log that grows is over: it may be cut short.
	live  bool
	yield func(Line, error) bool
}

// run yields all lines; more is false when the caller wants no other file.
func (r *reader) run() (more bool, err error) {
	f, err := os.Open(r.path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	source, at, err := seekable(f, r.path)
	if err != nil {
		return false, err
	}
	var rest []byte // the beginning of a line whose end was read before it
	for at > 0 {
		n := min(block, at)
		at -= n
		chunk := make([]byte, n, int(n)+len(rest))
		if _, err := source.ReadAt(chunk, at); err != nil {
			return false, err
		}
		chunk = append(chunk, rest...)
		for end := bytes.LastIndexByte(chunk, '\n'); end >= 0; end = bytes.LastIndexByte(chunk, '\n') {
			if !r.give(chunk[end+1:], at+int64(end)+1) {
				return false, nil
			}
			chunk = chunk[:end]
		}
		rest = chunk
	}
	return r.give(rest, 0), nil
}

// give yields the line that begins at a byte of the file.
func (r *reader) give(text []byte, at int64) bool {
	cut := r.live
	r.live = false
	if len(text) == 0 {
		return true
	}
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return cut || r.yield(Line{}, fmt.Errorf("%s: the line at byte %d: %w", r.path, at, err))
	}
	return r.yield(l, nil)
}

// seekable returns what can be read at any place: the file, or what a packed one holds.
func seekable(f *os.File, path string) (io.ReaderAt, int64, error) {
	if !strings.HasSuffix(path, ".gz") {
		info, err := f.Stat()
		if err != nil {
			return nil, 0, err
		}
		return f, info.Size(), nil
	}
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	data, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}
