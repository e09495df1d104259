package model_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/store"
)

// fingerprint returns what is below the root, but for what the listener keeps for itself and for its sockets: each path with
// its mode, and the hash of what is in it.
func (l *lab) fingerprint() map[string]string {
	l.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(l.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(l.root, path)
		if err != nil {
			return err
		}
		if below == "run" || below == "var/lib/mailreg" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[below] = info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			files[below] += fmt.Sprintf(" %x", sha256.Sum256(data))
			return err
		}
		return nil
	})
	if err != nil {
		l.t.Fatalf("reading the root: %v", err)
	}
	// The folders that the listener's own lie in may be made by its start.
	for _, name := range []string{"var", "var/lib"} {
		delete(files, name)
	}
	return files
}

// checkStaging demands that the listener has followed the directory and touched nothing. It stops it.
func (l *lab) checkStaging() []string {
	l.t.Helper()
	v := &verdict{}
	l.daemon.Stop()
	l.stopped = true
	l.view(func(tx *store.Tx) error {
		l.checkReplica(v, tx, l.directory())
		for _, name := range tx.State().Handlers {
			for uuid := range tx.Handler(name).AckedIDs() {
				v.errorf("staging: handler %s has acknowledged %s", name, uuid)
			}
		}
		return nil
	})
	after := l.fingerprint()
	for _, name := range []string{"die", "fail", "clock"} { // what the story has told the child
		for path := range after {
			if strings.HasPrefix(path, name) {
				delete(after, path)
			}
		}
	}
	if diff := cmp.Diff(l.files, after); diff != "" {
		v.errorf("staging has touched files, -before +after:\n%s", diff)
	}
	return v.wrong
}
