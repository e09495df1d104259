// Package backup keeps copies of the listener's store: one a day, the last few of them, each checked. It also finds the
// copies that may take the place of a store that was damaged.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mailreg/mailreg/listener/store"
)

// Store is what is copied.
type Store interface {
	// Backup writes a checked copy to a file.
	Backup(ctx context.Context, path string) error
	// Check reads the whole store.
	Check(ctx context.Context) error
}

// Config says what is kept where. Store, Dir and Keep must be set.
type Config struct {
	Store Store
	// Dir returns the folder, Keep how many copies it holds; 0 makes none by itself.
	Dir  func() string
	Keep func() int
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Logger gets a record for each copy.
	Logger *slog.Logger
}

// Keeper makes the copies.
type Keeper struct {
	cfg Config
	// making is held while a copy is made.
	making sync.Mutex

	mu sync.Mutex
	// err is guarded by mu: why the last copy was not made.
	err error
}

// New returns a Keeper.
func New(cfg Config) *Keeper {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Keeper{cfg: cfg}
}

const (
	daily  = 24 * time.Hour
	look   = 10 * time.Minute
	prefix = "listener-"
	suffix = ".db"
	stamp  = "20060102T150405.000Z"
)

// Run makes a copy whenever the last one is a day old, until ctx ends. That the copy is not good may mean that the store
// is not: then the error is that of the store's own check, so that it can be replaced.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		if k.due() {
			if _, err := k.Make(ctx); err != nil && ctx.Err() == nil {
				k.cfg.Logger.Error("no backup of the store", "op", "backup", "err", err)
				if err := k.cfg.Store.Check(ctx); err != nil && ctx.Err() == nil {
					return fmt.Errorf("checking the store: %w", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(look):
		}
	}
}

// due reports whether the newest copy is a day old. One from the future was made before the clock was set back.
func (k *Keeper) due() bool {
	if k.cfg.Keep() == 0 {
		return false
	}
	files := Files(k.cfg.Dir(), k.cfg.Now())
	if len(files) == 0 {
		return true
	}
	made, err := madeAt(files[0])
	age := k.cfg.Now().Sub(made)
	return err != nil || age >= daily || age < 0
}

// Make makes a copy now, removes those that are too many, and returns the path of the new one.
func (k *Keeper) Make(ctx context.Context) (path string, err error) {
	k.making.Lock()
	defer k.making.Unlock()
	defer func() {
		k.mu.Lock()
		k.err = err
		k.mu.Unlock()
	}()
	dir := k.cfg.Dir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("backup of the store: %w", err)
	}
	store.Sweep(dir)
	path = filepath.Join(dir, prefix+k.cfg.Now().UTC().Format(stamp)+suffix)
	if err := k.cfg.Store.Backup(ctx, path); err != nil {
		return "", fmt.Errorf("backup of the store: %w", err)
	}
	k.cfg.Logger.Info("copied the store", "op", "backup", "path", path)
	return path, k.prune(dir)
}

func (k *Keeper) prune(dir string) error {
	files := Files(dir, k.cfg.Now())
	var errs []error
	for _, old := range files[min(max(k.cfg.Keep(), 1), len(files)):] {
		if err := os.Remove(old); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Notes says why there is no new copy.
func (k *Keeper) Notes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		return nil
	}
	return []string{"no " + k.err.Error()}
}

// Files returns the copies in a folder, newest first. Those from the future come last: they were made before the clock was
// set back, and must neither be taken for the newest nor push out what is made now.
func Files(dir string, now time.Time) []string {
	files, _ := filepath.Glob(filepath.Join(dir, prefix+"*"+suffix))
	slices.Sort(files)
	slices.Reverse(files)
	// Names have no more than milliseconds.
	limit := filepath.Join(dir, prefix+now.UTC().Format(stamp)+suffix)
	past := slices.IndexFunc(files, func(file string) bool { return file <= limit })
	if past <= 0 {
		return files
	}
	return slices.Concat(files[past:], files[:past])
}

func madeAt(path string) (time.Time, error) {
	name := filepath.Base(path)
	return time.Parse(stamp, name[len(prefix):len(name)-len(suffix)])
}
