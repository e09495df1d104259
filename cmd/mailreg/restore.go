package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/archive"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/layerfile"
)

// newRestoreAllCommand brings a backup back.
func newRestoreAllCommand(a *app) *cobra.Command {
	var dryRun, noReload bool
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring back what backup has written",
		Long: `restore brings back the settings, as transactions that are checked and rendered like every other, the
templates, and the listener's store, which the daemon takes when it starts next. It is refused while the
daemon runs. The whole file is checked before anything is written, and what is replaced is kept. After
the start nothing that takes mail away happens by itself: it is held until a person approves.`,
		Example: "  mailreg restore --dry-run /srv/backup/mailreg.tar.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := archive.Read(a.path(args[0]))
			if err != nil {
				return fmt.Errorf("reading %s: %w", args[0], err)
			}
			return a.restore(c.Context(), &restoring{app: a, from: from, dryRun: dryRun, noReload: noReload})
		},
	}
	command.Flags().BoolVar(&dryRun, "dry-run", false, "print what would happen and change nothing")
	command.Flags().BoolVar(&noReload, "no-reload", false, "leave the services alone")
	jsonFlag(a, command)
	return command
}

// restoring is one restore on its way.
type restoring struct {
	*app
	from             *archive.Archive
	dryRun, noReload bool
	// layers are the settings of each layer, files what is put back as it was.
	layers map[registry.Layer]map[string]string
	files  []string
	// kept is the folder of what is replaced.
	kept string
	// locked keeps the daemon from starting meanwhile, nil when there is no store.
	locked *os.File
	// total is what all transactions together have done.
	total registry.Outcome
}

// restoredJSON is what restore prints with --json.
type restoredJSON struct {
	outcomeJSON
	// Store is when the restored store was copied, null when there is none.
	Store *time.Time `json:"store"`
}

// layerOf tells the layer files by name; secrets belong to layer normal, and the registry knows by itself which they are.
var layerOf = map[string]registry.Layer{
	"base.conf": registry.Normal, "secrets.conf": registry.Normal, "base-ldap.conf": registry.LDAP,
	"base-schedule.conf": registry.Schedule, "base-forced.conf": registry.Forced,
}

// restore checks everything, then writes.
func (a *app) restore(ctx context.Context, r *restoring) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.locked.Close() // which also takes nil
	if err := r.sort(); err != nil {
		return err
	}
	for _, name := range r.files {
		r.total.Files = append(r.total.Files, "/"+name)
	}
	if !r.dryRun {
		a.changed = true
		if err := r.write(); err != nil {
			return err
		}
	}
	err := r.settings(ctx)
	if err != nil && !errors.Is(err, registry.ErrPending) {
		return err
	}
	return r.tell(err)
}

// write puts back the files and the store.
func (r *restoring) write() error {
	r.kept = filepath.Join(keptDir, time.Now().UTC().Format("20060102T150405Z"))
	for _, name := range r.files {
		if err := r.put(name); err != nil {
			return fmt.Errorf("restoring /%s: %w", name, err)
		}
	}
	if err := r.store(); err != nil {
		return fmt.Errorf("restoring the store: %w", err)
	}
	return nil
}

// tell prints what was done and passes a pending action on.
func (r *restoring) tell(pending error) error {
	var made *time.Time
	if _, ok := r.from.Members[archive.Store]; ok {
		made = &r.from.Made
	}
	if r.json {
		_ = r.printJSON(restoredJSON{outcomeToJSON(r.total), made}) // it has happened all the same
		return pending
	}
	if made != nil {
		r.printf("Store: of %s\n", made.Format(time.RFC3339))
	}
	return r.report(r.total, pending)
}

var errRunning = errors.New("the listener is running: stop it first (systemctl stop mailreg-listener)")

// lock returns an error while a daemon runs, and keeps another from starting. A daemon whose store was removed answers all
// the same.
func (r *restoring) lock(ctx context.Context) error {
	if r.daemonState(ctx).Running {
		return errRunning
	}
	f, err := os.Open(r.path(storeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(errRunning, f.Close())
	}
	r.locked = f
	return nil
}

// sort tells settings from files. The log of changes is put back only where there is none: what has happened since stays.
func (r *restoring) sort() error {
	r.layers = map[registry.Layer]map[string]string{}
	for _, layer := range layerOf {
		r.layers[layer] = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(r.from.Members)) {
		member := r.from.Members[name]
		layer, isLayer := layerOf[strings.TrimPrefix(name, "etc/mailreg/")]
		switch {
		case isLayer:
			values, err := layerfile.Decode(name, member.Data)
			if err != nil {
				return err
			}
			maps.Copy(r.layers[layer], values)
		case name == archive.Store:
		case strings.HasPrefix(name, "etc/mailreg/"), "/"+name == offFile:
			if same, err := os.ReadFile(r.path(name)); err != nil || !bytes.Equal(same, member.Data) {
				r.files = append(r.files, name)
			}
		case "/"+name == historyFile:
			if _, err := os.Stat(r.path(name)); errors.Is(err, fs.ErrNotExist) {
				r.files = append(r.files, name)
			}
		default:
			return fmt.Errorf("the backup holds /%s, which is nothing of mailreg's", name)
		}
	}
	return nil
}

// put replaces one file and keeps the former one.
func (r *restoring) put(name string) error {
	target, member := r.path(name), r.from.Members[name]
	if info, err := os.Stat(target); err == nil {
		data, err := os.ReadFile(target)
		if err != nil {
			return err
		}
		if err := place(r.path(filepath.Join(r.kept, name)), archive.Member{Mode: info.Mode().Perm(), Data: data}, 0o700); err != nil {
			return err
		}
	}
	return place(target, member, 0o755)
}

// place writes a file, which appears whole or not at all, in folders of the given mode. What it was cut short in is written
// over by the next restore.
func place(target string, member archive.Member, folders fs.FileMode) error {
	dir, base := filepath.Split(target)
	if err := os.MkdirAll(dir, folders); err != nil {
		return err
	}
	draft := filepath.Join(dir, ".restore-"+base)
	temp, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = temp.Write(member.Data)
	err = errors.Join(err, temp.Chmod(member.Mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(draft, target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return syncDir(dir)
}

// store leaves the store where the daemon finds it. The daemon knows what to make of a store that is behind.
func (r *restoring) store() error {
	if _, ok := r.from.Members[archive.Store]; !ok {
		return nil
	}
	target := r.path(restoredFile)
	draft := target + ".draft"
	if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o750), os.RemoveAll(draft), r.from.Extract(draft)); err != nil {
		return err
	}
	return errors.Join(os.Rename(draft, target), syncDir(filepath.Dir(target)))
}

// settings makes each layer what it was, and generates all files.
func (r *restoring) settings(ctx context.Context) error {
	view, err := r.view()
	if err != nil {
		return err
	}
	for _, layer := range slices.Sorted(maps.Keys(r.layers)) {
		// IgnoreCheck: these values were in force, however that came about.
		edit := registry.Edit{Layer: layer, Internal: true, IgnoreCheck: true, DryRun: r.dryRun, NoReload: r.noReload}
		wanted, has := r.layers[layer], view.In(layer)
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			if value, set := has[key]; !set || value != wanted[key] {
				edit.Set = append(edit.Set, registry.Assignment{Key: key, Value: wanted[key]})
			}
		}
		for _, key := range slices.Sorted(maps.Keys(has)) {
			if _, keep := wanted[key]; !keep {
				edit.Unset = append(edit.Unset, key)
			}
		}
		if len(edit.Set)+len(edit.Unset) == 0 {
			continue
		}
		if err := r.did(r.registry().Change(ctx, edit)); err != nil {
			return err
		}
	}
	if r.dryRun {
		return nil // the files follow from settings that are not there yet
	}
	// What a service did not take the first time is tried again, so that what is pending now is all there is.
	outcome, err := r.registry().Commit(ctx, registry.CommitOptions{NoReload: r.noReload})
	return errors.Join(r.did(outcome, err), err)
}

// did adds what a transaction has done. A pending action is for the end.
func (r *restoring) did(o registry.Outcome, err error) error {
	r.total.Keys = append(r.total.Keys, o.Keys...)
	r.total.Files = append(r.total.Files, o.Files...)
	r.total.Actions = append(r.total.Actions, o.Actions...)
	r.total.Warnings = append(r.total.Warnings, o.Warnings...)
	if errors.Is(err, registry.ErrPending) {
		return nil
	}
	return err
}
