package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// listen has inotify watch every folder that holds inputs. Folders are watched, not files: editors put another file into
// the place of the one that was there.
func (w *Watcher) listen() {
	w.deaf = ""
	if w.notify == nil {
		n, err := w.cfg.open()
		if err != nil {
			w.deaf = w.without(err)
			return
		}
		w.notify = n
	}
	in, err := w.cfg.Registry.Inputs()
	if err != nil {
		w.deaf = w.without(err)
		return // judge tells more about it
	}
	in.Files = withTargets(append(in.Files, in.State))
	w.inputs = in
	if err := w.watchAll(); err != nil {
		w.deaf = w.without(err)
	}
}

// watchAll looks for folders until there is none that it does not watch: one may come after the folder above it was listed
// and before that is watched.
func (w *Watcher) watchAll() error {
	watched := map[string]bool{}
	for more := true; more; {
		more = false
		for _, dir := range w.folders() {
			if watched[dir] {
				continue
			}
			if err := w.notify.add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("watching %s: %w", dir, err)
			}
			watched[dir], more = true, true
		}
	}
	return nil
}

// without says that edits are noticed late, why, and what can be done about it.
func (w *Watcher) without(err error) string {
	help := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		help = "; raise fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE):
		help = "; raise fs.inotify.max_user_instances"
	}
	return fmt.Sprintf("edits by hand are looked for every %s only: %v%s", w.cfg.Poll, err, help)
}

// withTargets adds where files really lie that are links.
func withTargets(files []string) []string {
	all := slices.Clone(files)
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil && target != file {
			all = append(all, target)
		}
	}
	return all
}

// folders returns the folders to watch: those of the files, all of the trees, and for what does not exist the nearest
// folder above it, in which it will appear.
func (w *Watcher) folders() []string {
	var dirs []string
	for _, file := range w.inputs.Files {
		dirs = append(dirs, existing(filepath.Dir(file)))
	}
	for _, tree := range w.inputs.Trees {
		dirs = append(dirs, existing(filepath.Dir(tree)))
		// What cannot be read now shows in the look that follows.
		_ = fs.WalkDir(os.DirFS(tree), ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, filepath.Join(tree, name))
			}
			return err
		})
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// existing returns the folder, or the nearest one above it that is there.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// concerns reports whether an event may be about an input: a file of them, something in a tree, or a folder above one.
func (w *Watcher) concerns(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	below := func(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	return slices.ContainsFunc(w.inputs.Files, func(file string) bool { return below(file, event.Name) }) ||
		slices.ContainsFunc(w.inputs.Trees, func(tree string) bool { return below(tree, event.Name) || below(event.Name, tree) })
}
