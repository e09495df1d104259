package swap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// File is what a file becomes. It holds all that is needed to write it once more, for the temporary file may be lost with
// the power while the journal is not.
type File struct {
	// Path is the absolute path as the system knows it.
	Path string `json:"path"`
	// Remove takes the file away; the rest does not matter then.
	Remove bool `json:"remove,omitempty"`
	// Data is the whole content, Mode the permission bits, UID and GID the owner.
	Data []byte      `json:"data,omitempty"`
	Mode fs.FileMode `json:"mode,omitempty"`
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	// Time is the modification time; the zero value means now. Read fills it in, Equal does not look at it.
	Time time.Time `json:"time,omitzero"`
}

// Read returns a file as it is; Remove is set when there is none. It refuses what is no regular file.
func Read(path string) (File, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return File{Path: path, Remove: true}, nil
	}
	if err != nil {
		return File{}, err
	}
	if err := checkKind(path, info, 0); err != nil {
		return File{}, err
	}
	f := File{Path: path, Mode: info.Mode().Perm(), Time: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = int(sys.Uid), int(sys.Gid)
	}
	f.Data, err = os.ReadFile(path)
	return f, err
}

// Equal reports whether both are the same file in path, content, mode and owner.
func (f File) Equal(g File) bool {
	if f.Remove || g.Remove {
		return f.Path == g.Path && f.Remove == g.Remove
	}
	return f.Path == g.Path && f.Mode == g.Mode && f.UID == g.UID && f.GID == g.GID && bytes.Equal(f.Data, g.Data)
}

// Set is a set of files that come into force together. The journal is this struct as JSON.
type Set struct {
	dir string
	// Files are the files as they shall be, Former as they were.
	Files  []File `json:"files"`
	Former []File `json:"former"`
	// Made are the directories that staging created, outermost first.
	Made []string `json:"made"`
	// Note is kept for the caller.
	Note json.RawMessage `json:"note"`
}

// The journal's names in its directory: draft until Commit, journal from then on.
const (
	draftName   = "journal.draft"
	journalName = "journal"
)

// Stage prepares files to be swapped; dir is where the journal lives, which exists. When it returns an error, nothing has
// changed and nothing is left behind.
func Stage(dir string, files []File, note json.RawMessage) (*Set, error) {
	s := &Set{dir: dir, Files: files, Note: note}
	for _, f := range files {
		// The journal has the former files as well: whoever finishes the set can still offer the way back.
		former, err := Read(f.Path)
		if err != nil {
			return nil, err
		}
		s.Former = append(s.Former, former)
		for up := filepath.Dir(f.Path); ; up = filepath.Dir(up) {
			if _, err := os.Stat(up); err == nil || slices.Contains(s.Made, up) || up == filepath.Dir(up) {
				break
			}
			s.Made = append(s.Made, up)
		}
	}
	slices.Sort(s.Made)
	// All of it is synced together and before the journal: what the disk refuses is found while there is a way back.
	var synced syncer
	err := s.writeDraft(&synced)
	if err == nil {
		err = s.prepare(&synced)
	}
	if err == nil {
		err = synced.sync()
	}
	if err != nil {
		synced.close()
		return nil, errors.Join(err, s.Abort())
	}
	return s, nil
}

func (s *Set) writeDraft(synced *syncer) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return createFile(File{Path: filepath.Join(s.dir, draftName), Data: data, Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid()}, synced)
}

// prepare creates the missing directories and the temporary files, and checks the targets.
func (s *Set) prepare(synced *syncer) error {
	for _, made := range s.Made {
		if err := os.Mkdir(made, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(made, 0o755); err != nil { // whatever the umask: servers run as users of their own
			return err
		}
	}
	for i, f := range s.Files {
		if err := checkTarget(f.Path, f.UID); err != nil {
			return err
		}
		if f.Remove || f.Equal(s.Former[i]) {
			continue // an equal file keeps its inode and its time
		}
		if err := createFile(f.as(temp(f.Path)), synced); err != nil {
			return err
		}
	}
	return nil
}

// Abort takes away what Stage has created.
func (s *Set) Abort() error {
	var errs []error
	for _, f := range s.Files {
		errs = append(errs, remove(temp(f.Path)))
	}
	for _, made := range slices.Backward(s.Made) { // from the innermost outwards; what has been filled meanwhile stays
		if err := os.Remove(made); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !gone(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, remove(filepath.Join(s.dir, draftName)))...)
}

// Commit makes the journal durable. From here on the only way is forward.
func (s *Set) Commit() error {
	// The files themselves are synced already; their names are by Swap, and can be written again from the journal.
	var parents []string
	for _, made := range s.Made {
		parents = append(parents, filepath.Dir(made))
	}
	if err := syncDirs(parents); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(s.dir, draftName), filepath.Join(s.dir, journalName)); err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		// Whoever is told that it failed must not see it happen at the next Recover.
		return errors.Join(err, remove(filepath.Join(s.dir, journalName)))
	}
	return nil
}

// Swap brings the files into force. It may be called again after a failure, and by a process that knows only the journal.
// between, when not nil, is called before each file.
func (s *Set) Swap(between func(path string)) error {
	var dirs []string
	for i, f := range s.Files {
		if between != nil {
			between(f.Path)
		}
		if err := s.swapOne(f); err != nil {
			return fmt.Errorf("replacing file %d of %d: %w", i+1, len(s.Files), err)
		}
		dirs = append(dirs, filepath.Dir(f.Path))
	}
	return syncDirs(dirs)
}

func (s *Set) swapOne(f File) error {
	if f.Remove {
		return remove(f.Path)
	}
	// The temporary file is not there when it was renamed before a kill, or never written because the target is right; it
	// is another one when it was lost with the power, or left by a set that was never committed.
	staged, err := Read(temp(f.Path))
	if err == nil && staged.Equal(f.as(temp(f.Path))) {
		return os.Rename(temp(f.Path), f.Path)
	}
	if now, err := Read(f.Path); err != nil || now.Equal(f) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	if err := writeFile(f.as(temp(f.Path))); err != nil {
		return err
	}
	return os.Rename(temp(f.Path), f.Path)
}

// Done forgets the journal.
func (s *Set) Done() error {
	if err := remove(filepath.Join(s.dir, journalName)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// Recover looks for what a killed process left in dir: it takes away a set that was not committed, and returns one that
// was, to be swapped. nil means there is none. Both are there when the process was killed while it staged the way back
// from a set that it had swapped.
func Recover(dir string) (*Set, error) {
	draft, err := load(dir, draftName)
	if err != nil || draft == nil {
		// A draft that is not whole was being written: no other file exists yet.
		err = remove(filepath.Join(dir, draftName))
	} else {
		err = draft.Abort()
	}
	if err != nil {
		return nil, err
	}
	return load(dir, journalName)
}

// Waiting returns since when a set that was committed waits for somebody to Recover it, the zero time when none does.
func Waiting(dir string) (time.Time, error) {
	info, err := os.Stat(filepath.Join(dir, journalName))
	if gone(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func load(dir, name string) (*Set, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Set{dir: dir}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, name), err)
	}
	return s, nil
}

func (f File) as(path string) File {
	f.Path = path
	return f
}

// temp is the name of the temporary file of a target. Only the holder of the lock writes, so one name is enough, and a
// left-over is found again.
func temp(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".mailreg")
}
