package swap

import (
	"errors"
	"os"
	"slices"
	"sync"
)

// syncer brings files and directories to the disk side by side: the file system writes its own journal once for all of
// them, and the disk is waited for once.
type syncer struct {
	open []*os.File
}

// most bounds the files that are open at once.
const most = 64

// add takes over an open file or directory. What is there before is synced first when it is enough.
func (s *syncer) add(f *os.File) error {
	s.open = append(s.open, f)
	if len(s.open) < most {
		return nil
	}
	return s.sync()
}

// sync returns when all that was added is on the disk, and closes it.
func (s *syncer) sync() error {
	errs := make([]error, len(s.open))
	var wait sync.WaitGroup
	for i, f := range s.open {
		one := func() { errs[i] = errors.Join(f.Sync(), f.Close()) }
		if i == len(s.open)-1 {
			one() // the last one needs no goroutine: often it is the only one
			break
		}
		wait.Go(one)
	}
	wait.Wait()
	s.open = nil
	return errors.Join(errs...)
}

// close closes what was added and is not wanted on the disk any more.
func (s *syncer) close() {
	for _, f := range s.open {
		_ = f.Close() // nobody reads it: it is removed next
	}
	s.open = nil
}

// syncDirs makes renames and new names in directories durable.
func syncDirs(dirs []string) error {
	var s syncer
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		d, err := os.Open(dir)
		if err == nil {
			err = s.add(d)
		}
		if err != nil {
			s.close()
			return err
		}
	}
	return s.sync()
}

func syncDir(dir string) error { return syncDirs([]string{dir}) }
