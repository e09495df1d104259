package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mailreg/mailreg/registry/layerfile"
)

// Where settings lie below the root.
const (
	// Dir holds the layer files.
	Dir = "/etc/mailreg"
	// NoteFile names the layer files that have existed, one a line: an empty registry is told from a lost one by it.
	NoteFile = "/var/lib/mailreg/layers"
	// OffFile names, one a line, the modules that are switched off: the files NAME.ini in the folders of templates and of
	// declarations. Everybody may read it, for defaults depend on it.
	OffFile   = "/var/lib/mailreg/off"
	schemaDir = Dir + "/schema.d"
)

// Reader reads the settings below one root. All methods may be called at the same time.
type Reader struct {
	root  string
	mu    sync.Mutex // guards cache
	cache cache
}

// cache is the last good reading of the layer files and of the local declarations.
type cache struct {
	stamps map[string]stamp
	view   *View
}

// NewReader returns the reader of a root, an absolute path. It reads nothing.
func NewReader(root string) *Reader { return &Reader{root: root} }

func (r *Reader) path(elements ...string) string {
	return filepath.Join(append([]string{r.root}, elements...)...)
}

// stamp tells one version of a file from the next. A file that was written just before it was read is racy: another
// write may follow within the same tick of the clock, so such a stamp is not relied on.
type stamp struct {
	size, mtime, ctime int64
	inode              uint64
	absent, racy       bool
}

// tick is longer than the steps of the clock by which file systems date their files.
const tick = 20 * time.Millisecond

func stampOf(path string, now time.Time) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{absent: true}
	}
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano(), racy: now.Sub(info.ModTime()) < tick}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.ctime = sys.Ino, sys.Ctim.Nano()
	}
	return s
}

// View reads all layers. Files that did not change since the last call are not read again. When a layer file is broken or
// gone, the error names it and the view is the last good one of this process, nil when there was none.
func (r *Reader) View() (*View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The stamps are taken before the files are read: a write in between makes them differ the next time.
	now := time.Now()
	stamps := map[string]stamp{}
	same := r.cache.view != nil
	for _, path := range r.watched() {
		s := stampOf(path, now)
		same = same && !s.racy && r.cache.stamps[path] == s
		stamps[path] = s
	}
	if same {
		return r.cache.view, nil
	}
	t, err := r.declarations(stamps)
	if err != nil {
		return r.cache.view, err
	}
	view, err := r.read(t)
	if err != nil {
		return r.cache.view, err
	}
	r.cache = cache{stamps, view}
	return view, nil
}

// Without reads all layers, whatever is cached, with other modules switched off than those of OffFile, and with texts laid
// over the files of declarations by their names, as if they had been written; nil takes one away.
func (r *Reader) Without(off []string, over map[string]*string) (*View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, err := readTable(r.path(schemaDir), over, off)
	if err != nil {
		return nil, err
	}
	return r.read(t)
}

// watched are the files that make up a view.
func (r *Reader) watched() []string {
	paths := []string{r.path(Dir, SecretsFile), r.path(schemaDir), r.path(OffFile)}
	for layer := Normal; layer <= Forced; layer++ {
		paths = append(paths, r.path(Dir, layerFiles[layer]))
	}
	local, _ := filepath.Glob(r.path(schemaDir, "*.ini")) // the pattern is well formed, the only error there is
	return append(paths, local...)
}

// Off returns the modules that are switched off, by name.
func (r *Reader) Off() ([]string, error) {
	noted, err := os.ReadFile(r.path(OffFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(noted)), err
}

// declarations returns the table of declarations; it is read again when a file of it has changed.
func (r *Reader) declarations(stamps map[string]stamp) (*table, error) {
	makes := func(path string) bool { return strings.HasPrefix(path, r.path(schemaDir)) || path == r.path(OffFile) }
	same := r.cache.view != nil
	for path, s := range stamps {
		same = same && (!makes(path) || !s.racy && r.cache.stamps[path] == s)
	}
	for path := range r.cache.stamps {
		_, still := stamps[path]
		same = same && (!makes(path) || still)
	}
	if same {
		return r.cache.view.table, nil
	}
	off, err := r.Off()
	if err != nil {
		return nil, err
	}
	return readTable(r.path(schemaDir), nil, off)
}

// read reads the layers from disk.
func (r *Reader) read(t *table) (*View, error) {
	var err error
	var layers [Forced + 1]map[string]string
	files, raw := map[string]map[string]string{}, map[string][]byte{}
	for layer := Normal; layer <= Forced; layer++ {
		name := layerFiles[layer]
		if files[name], raw[name], err = r.readLayer(name); err != nil {
			return nil, fmt.Errorf("reading layer %s: %w", layer, err)
		}
		layers[layer] = files[name]
	}
	secrets, data, err := r.readLayer(SecretsFile)
	hidden := errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0
	if hidden {
		err = nil // for users who may not see them, secrets are unset
	}
	if err != nil {
		return nil, fmt.Errorf("reading layer %s: %w", Normal, err)
	}
	files[SecretsFile], raw[SecretsFile] = secrets, data
	if len(secrets) > 0 {
		layers[Normal] = maps.Clone(layers[Normal])
		maps.Copy(layers[Normal], secrets)
	}
	v := newView(r.root, t, layers)
	v.files, v.raw, v.hidden = files, raw, hidden
	return v, nil
}

// Problems returns everything that keeps the settings from being read, not only the first thing, as View does.
func (r *Reader) Problems() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []error
	off, err := r.Off()
	if err == nil {
		_, err = readTable(r.path(schemaDir), nil, off)
	}
	if err != nil {
		all = append(all, err)
	}
	for _, name := range FileNames() {
		if _, _, err := r.readLayer(name); err != nil && !(errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0) {
			all = append(all, err)
		}
	}
	return all
}

// readLayer reads one layer file, and returns its bytes as well; one that never existed is empty.
func (r *Reader) readLayer(name string) (map[string]string, []byte, error) {
	data, err := r.readFile(name)
	if err != nil || data == nil {
		return map[string]string{}, nil, err
	}
	values, err := layerfile.Decode(name, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.path(Dir, name), err)
	}
	return values, data, nil
}

// readFile returns the bytes of a layer file, nil when it never existed.
func (r *Reader) readFile(name string) ([]byte, error) {
	path := r.path(Dir, name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !r.existed(name) {
			return nil, nil
		}
		// It may have come, and been noted, in between; whoever removes it now is to hear of it.
		if data, err = os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		empty := strings.Split(string(layerfile.Encode(name, nil)), "\n")
		return nil, fmt.Errorf("%s is gone: restore it (an empty one is the two lines %q and %q)", path, empty[0], empty[1])
	}
	return data, err
}

// Lookup returns the merged value of one key, as View().Get does, for a process that wants no more: of most keys it finds
// without their declarations that a layer sets them.
func (r *Reader) Lookup(key string) (value string, ok bool, err error) {
	r.mu.Lock()
	value, ok, err = r.lookup(key)
	r.mu.Unlock()
	if ok || err != nil {
		return value, ok, err
	}
	v, err := r.View()
	if err != nil {
		return "", false, err
	}
	value, ok = v.Get(key)
	return value, ok, nil
}

// lookup looks at the layers from high to low, and stops at what only declarations can tell. All files are read: one that
// is broken is an error wherever the key may be.
func (r *Reader) lookup(key string) (value string, ok bool, err error) {
	undecided := false
	for _, in := range []struct {
		layer Layer
		file  string
	}{
		{Forced, layerFiles[Forced]},
		{Schedule, layerFiles[Schedule]},
		{LDAP, layerFiles[LDAP]},
		{Normal, SecretsFile},
		{Normal, layerFiles[Normal]},
	} {
		val, found, err := r.find(in.file, key)
		if err != nil {
			return "", false, fmt.Errorf("reading layer %s: %w", in.layer, err)
		}
		undecided = undecided || found && in.layer == LDAP // the variable may be deaf to it
		if found && !ok && !undecided {
			value, ok = val, true
		}
	}
	return value, ok, nil
}

// find returns the value of a key in one layer file.
func (r *Reader) find(name, key string) (value string, found bool, err error) {
	data, err := r.readFile(name)
	if errors.Is(err, fs.ErrPermission) && name == SecretsFile && os.Geteuid() != 0 {
		return "", false, nil
	}
	if err != nil || data == nil {
		return "", false, err
	}
	if value, found, err = layerfile.Find(name, data, key); err != nil {
		err = fmt.Errorf("%s: %w", r.path(Dir, name), err)
	}
	return value, found, err
}

// existed reports whether a layer file has been there before: this process has seen it, or a transaction noted it.
func (r *Reader) existed(name string) bool {
	if s, seen := r.cache.stamps[r.path(Dir, name)]; seen && !s.absent {
		return true
	}
	noted, err := os.ReadFile(r.path(NoteFile))
	if err != nil {
		return false // nothing was ever noted below this root, or it is not for us to read
	}
	return strings.Contains("\n"+string(noted), "\n"+name+"\n")
}
