package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/backup"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/registry"
)

// durable is the daemon's store and what keeps it.
type durable struct {
	*store.Store
	*backup.Keeper
	root, path string
	// folder returns where the backups are.
	folder func() string
	logger *slog.Logger
	// replaced says why the store has taken the place of another, "" when it has not.
	replaced string
}

// openStore opens the store. One that was restored takes the place of the present one first; one that is damaged is set
// aside, and the newest good backup takes its place, or an empty store.
func openStore(ctx context.Context, root string, reg *registry.Registry, logger *slog.Logger) (*durable, error) {
	d := &durable{
		root: root, path: filepath.Join(root, "var/lib/mailreg/listener.db"), logger: logger,
		folder: func() string { return backupFolder(reg) },
	}
	if err := d.takeRestored(ctx); err != nil {
		return nil, err
	}
	state, err := store.Open(d.path)
	if errors.Is(err, store.ErrCorrupt) {
		if err := d.replace(ctx, err); err != nil {
			return nil, err
		}
		state, err = store.Open(d.path)
	}
	if errors.Is(err, store.ErrVersion) {
		return nil, settingsError{err}
	}
	if err != nil {
		return nil, err
	}
	d.Store = state
	d.Keeper = backup.New(backup.Config{Store: state, Dir: d.folder, Keep: backupsKept(reg), Logger: logger})
	err = state.View(func(tx *store.Tx) error {
		d.replaced = tx.State().Replaced
		return nil
	})
	return d, err
}

// restoredSuffix is what the name of a store ends in that a person has restored, until it is taken.
const restoredSuffix = ".restored"

// takeRestored puts a store that a person has restored into place. A damaged one is not taken, and keeps the daemon from
// starting: whoever has restored it wants to know.
func (d *durable) takeRestored(ctx context.Context) error {
	restored := d.path + restoredSuffix
	if _, err := os.Stat(restored); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := store.CheckFile(ctx, restored); err != nil {
		return fmt.Errorf("the restored store %s cannot be used: %w; remove it, or restore another", d.shown(restored), err)
	}
	r, err := store.Restore(ctx, d.path, "a person has restored the store", time.Now(), restored)
	if errors.Is(err, store.ErrVersion) {
		err = settingsError{err}
	}
	if err != nil {
		return fmt.Errorf("taking the restored store %s: %w", d.shown(restored), err)
	}
	d.logger.Warn("took a restored store", "op", "restore", "aside", d.shown(r.Aside))
	return os.Remove(restored)
}

// replace sets a damaged store aside.
func (d *durable) replace(ctx context.Context, damage error) error {
	now := time.Now()
	r, err := store.Replace(ctx, d.path, "the store was damaged: "+damage.Error(), now, backup.Files(d.folder(), now)...)
	if err != nil {
		return fmt.Errorf("replacing the damaged store: %w (damage: %w)", err, damage)
	}
	attrs := []any{"op", "store", "err", damage, "aside", d.shown(r.Aside), "from", d.shown(r.From)}
	if r.Unusable != nil {
		attrs = append(attrs, "unusable", r.Unusable)
	}
	d.logger.Error("the store was damaged and is replaced", attrs...)
	return nil
}

// close closes the store. When it turned out to be damaged, the next start finds another one.
func (d *durable) close(err error) error {
	err = errors.Join(err, d.Close())
	if errors.Is(err, store.ErrCorrupt) {
		ctx := context.Background() // the daemon's own has ended
		err = errors.Join(err, d.replace(ctx, err))
	}
	return err
}

// Notes tells as long as there is something to look at that a store was set aside, and of backups that fail.
func (d *durable) Notes() []string {
	notes := d.Keeper.Notes()
	aside, _ := filepath.Glob(store.Aside(d.path))
	if d.replaced != "" && len(aside) > 0 {
		for i := range aside {
			aside[i] = d.shown(aside[i])
		}
		// Of a restored store the file is no more, which took the store's place.
		why := strings.TrimSuffix(d.replaced, "; a backup has taken its place: "+d.path+restoredSuffix)
		why = strings.ReplaceAll(why, strings.TrimSuffix(d.root, "/")+"/var/", "/var/")
		notes = append(notes, why+"; what was there is kept, remove it when you have looked at it: "+strings.Join(aside, ", "))
	}
	return notes
}

// shown returns a path as it is seen from the root.
func (d *durable) shown(path string) string {
	rest, below := strings.CutPrefix(path, strings.TrimSuffix(d.root, "/")+"/")
	if !below {
		return path
	}
	return "/" + rest
}

// backupFolder and backupsKept read mailreg/backup/path and keep anew for each question.
func backupFolder(reg *registry.Registry) string {
	view, err := reg.View()
	if err != nil && view == nil {
		return ""
	}
	return view.String("mailreg/backup/path")
}

func backupsKept(reg *registry.Registry) func() int {
	return func() int {
		view, err := reg.View()
		if err != nil && view == nil {
			return 0
		}
		return int(view.Int("mailreg/backup/keep"))
	}
}
