package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// actVariable makes the test program do one thing with the store in the current folder, instead of testing.
const actVariable = "MAILREG_TEST_STORE"

func TestMain(m *testing.M) {
	act := os.Getenv(actVariable)
	if act == "" {
		harness.Main(m)
		return
	}
	runtime.LockOSThread() // strace counts calls by thread
	if err := acts[act](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	storeFile  = "listener.db"
	backupFile = "backup.db"
	// restoredFile is taken, and then removed.
	restoredFile = "restored.db"
	ackFile      = "acknowledged"
	// commits is how many transactions the act "commit" makes.
	commits = 4
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// acts are what can be done with a store, as the daemon does it.
var acts = map[string]func() error{
	"create":  func() error { return with(func(*store.Store) error { return nil }) },
	"convert": func() error { return with(func(*store.Store) error { return nil }) },
	"commit":  func() error { return with(commit) },
	"backup": func() error {
		return with(func(s *store.Store) error {
			store.Sweep(".")
			return s.Backup(context.Background(), backupFile)
		})
	},
	"replace": func() error {
		if err := with(func(*store.Store) error { return nil }); !errors.Is(err, store.ErrCorrupt) {
			return err
		}
		_, err := store.Replace(context.Background(), storeFile, "damaged", noon, "nowhere.db", backupFile)
		return errors.Join(err, with(func(*store.Store) error { return nil }))
	},
	"restore": func() error {
		if _, err := os.Stat(restoredFile); err == nil {
			if _, err := store.Restore(context.Background(), storeFile, "restored", noon, restoredFile); err != nil {
				return err
			}
			if err := os.Remove(restoredFile); err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return with(func(*store.Store) error { return nil })
	},
}

func with(fn func(*store.Store) error) error {
	s, err := store.Open(storeFile)
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// commit adds entries, each together with a cookie that counts them. What a commit has returned for is noted outside; after
// one that failed, the next one tries again, as the listener does.
func commit(s *store.Store) error {
	for range commits {
		count := 0
		err := s.Update(func(tx *store.Tx) error {
			count = add(tx)
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		if err := os.WriteFile(ackFile, []byte(strconv.Itoa(count)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// add adds the next entry, large enough that the file has to grow, and returns how many there are.
func add(tx *store.Tx) int {
	n, _ := strconv.Atoi(string(tx.State().Cookie()))
	n++
	text := make([]byte, 20000)
	tx.PutEntry(schema.NewEntry(schema.UUID{15: byte(n), 14: byte(n >> 8)}, "cn=x", schema.Attribute{Name: "a", Values: []string{string(text)}}))
	tx.State().SetCookie("f", []byte(strconv.Itoa(n)))
	return n
}

// fill makes a store with some entries.
func fill(t *testing.T, dir string, entries int) {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, storeFile))
	if err == nil {
		err = s.Update(func(tx *store.Tx) error {
			for range entries {
				add(tx)
			}
			return nil
		})
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
