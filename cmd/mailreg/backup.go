package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/archive"
	"github.com/mailreg/mailreg/listener/store/meta"
)

// Where a backup finds what it takes, and restore puts it.
const (
	settingsDir  = "/etc/mailreg"
	storeFile    = "/" + archive.Store
	restoredFile = storeFile + ".restored"
	historyFile  = "/var/lib/mailreg/transactions.log"
	offFile      = "/var/lib/mailreg/off"
	keptDir      = "/var/lib/mailreg/replaced"
)

// newBackupCommand makes one file of all that cannot be had from elsewhere.
func newBackupCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "backup [FILE]",
		Short: "Write settings, templates and the listener's store into one file",
		Long: `backup writes all below /etc/mailreg, secrets included, the log of changes and the listener's store into
one file, a compressed tar (default mailreg-DATE.tar.gz in the current folder), which only its owner can
read. It may be called while the listener works. Mail is not in it.`,
		Example: "  mailreg backup /srv/backup/mailreg.tar.gz",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := "mailreg-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.gz"
			name := path
			if len(args) > 0 {
				name, path = args[0], a.path(args[0])
			}
			if err := a.backup(c.Context(), path); err != nil {
				return fmt.Errorf("writing %s: %w", name, err)
			}
			a.changed = true
			if a.json {
				return a.printJSON(map[string]string{"file": name})
			}
			a.printf("File: %s\n", name)
			return nil
		},
	}
	jsonFlag(a, command)
	return command
}

// backup writes the archive under another name first.
func (a *app) backup(ctx context.Context, name string) (err error) {
	sources, err := a.sources()
	if err != nil {
		return err
	}
	snapshot, done, err := a.snapshot(ctx)
	if err != nil {
		return fmt.Errorf("copying the listener's store: %w", err)
	}
	defer done()
	if snapshot != "" {
		sources = append(sources, archive.Source{Name: archive.Store, Path: snapshot})
	} else {
		a.warnf("there is no store of the listener")
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return errors.New("it is a folder: name a file in it")
	}
	out, err := os.CreateTemp(filepath.Dir(name), ".mailreg-backup-*") // mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("its folder does not exist")
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(out.Name())
		}
	}()
	err = errors.Join(archive.Write(out, time.Now(), sources), out.Sync(), out.Close())
	if err == nil {
		_, err = archive.Read(out.Name())
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(out.Name(), name), syncDir(filepath.Dir(name)))
}

// syncDir makes what was renamed in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sources lists the files beside the store: all settings and templates, the log, and what is unregistered.
func (a *app) sources() (list []archive.Source, err error) {
	add := func(name string) {
		list = append(list, archive.Source{Name: strings.TrimPrefix(name, "/"), Path: a.path(name)})
	}
	err = filepath.WalkDir(a.path(settingsDir), func(path string, d fs.DirEntry, err error) error {
		below, _ := filepath.Rel(a.path(settingsDir), path)
		name := settingsDir + "/" + filepath.ToSlash(below)
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular():
			add(name)
		case !d.IsDir():
			a.warnf("%s is no regular file and not in the backup", name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the settings: %w", err)
	}
	for _, name := range []string{historyFile, offFile} {
		if info, err := os.Stat(a.path(name)); err == nil && info.Mode().IsRegular() {
			add(name)
		}
	}
	return list, nil
}

// snapshot returns a file that holds the listener's store as it was at one moment, "" when there is none: the daemon
// makes one, and while it does not run the store itself stands still. The file is kept from changing until done.
func (a *app) snapshot(ctx context.Context) (path string, done func(), err error) {
	store := a.path(storeFile)
	f, err := os.Open(store)
	if errors.Is(err, fs.ErrNotExist) {
		return "", func() {}, nil
	}
	if err != nil {
		return "", nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		made, err := a.daemon().Backup(ctx)
		return made.Path, func() {}, errors.Join(err, f.Close())
	}
	if err == nil {
		_, err = meta.Read(store)
	}
	return store, func() { _ = f.Close() }, err
}
