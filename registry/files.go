package registry

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/layerfile"
	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
)

// files returns all that the transaction replaces, in the order in which it is swapped: copies of hand edits before what
// replaces them, layer files after the files that they drive. A reader in between sees the former settings beside new
// files, never settings that are not in force.
func (t *transaction) files() ([]swap.File, error) {
	var files []swap.File
	for _, o := range t.plan.Outputs {
		if o.Kept != nil {
			files = append(files, *o.Kept)
		}
		if o.Changed() {
			files = append(files, o.File)
		}
		if o.OldMap != "" {
			files = append(files, swap.File{Path: t.r.path(o.OldMap), Remove: true})
		}
	}
	files = append(files, t.maps...)
	layers, err := t.layerFiles()
	if err != nil {
		return nil, err
	}
	off, err := t.offFile()
	return slices.Concat(files, layers, t.adopted.Changes, off), err
}

// layerFiles returns the layer files that change, and the note of those that have existed.
func (t *transaction) layerFiles() ([]swap.File, error) {
	var files []swap.File
	existing := map[string]bool{}
	for _, name := range settings.FileNames() {
		if _, err := os.Stat(t.r.path(etcDir, name)); err == nil {
			existing[name] = true
		}
	}
	changed := map[Layer]bool{}
	if t.redeclared() {
		changed[Normal] = true // what is a secret by now leaves the file that everybody may read
	}
	for _, c := range t.changes {
		changed[c.layer] = true
	}
	for _, layer := range slices.Sorted(maps.Keys(changed)) {
		held := t.view.Files(layer)
		for _, name := range slices.Sorted(maps.Keys(held)) {
			if maps.Equal(held[name], t.old.InFile(name)) {
				continue
			}
			file, err := t.layerFile(name, held[name])
			if err != nil {
				return nil, err
			}
			files = append(files, file)
			existing[name] = true
		}
	}
	if err := t.closeSecrets(&files); err != nil {
		return nil, err
	}
	// Written together with the files, the note says afterwards whether a missing layer file was ever there.
	names := strings.Join(slices.Sorted(maps.Keys(existing)), "\n") + "\n"
	noted, err := swap.Read(t.r.path(settings.NoteFile))
	if err == nil && len(existing) > 0 && string(noted.Data) != names {
		files = append(files, ownFile(noted.Path, []byte(names), 0o644))
	}
	return files, err
}

// redeclared reports whether variables are declared otherwise than before: by a module, or by hand before a whole commit.
func (t *transaction) redeclared() bool {
	if t.job.module != nil {
		return true
	}
	if t.job.edit != nil || len(t.job.files) > 0 || t.state.Inputs == nil {
		return false
	}
	declares := func(path string) bool { return strings.HasPrefix(path, etcDir+"/schema.d/") }
	return slices.ContainsFunc(t.r.differing(t.state.Inputs, t.inputs), declares)
}

// layerFile returns a layer file with other values. Mode and owner stay as they are, but secrets are never for others.
func (t *transaction) layerFile(name string, values map[string]string) (swap.File, error) {
	file, err := swap.Read(t.r.path(etcDir, name))
	if err != nil {
		return swap.File{}, err
	}
	// An editor takes no lock: what it has saved since we read the file would be lost.
	if was := t.old.Raw(name); file.Remove != (was == nil) || !bytes.Equal(file.Data, was) {
		return swap.File{}, meanwhile(file.Path)
	}
	t.seen = append(t.seen, file)
	if file.Remove {
		file = ownFile(file.Path, nil, 0o644)
	}
	if name == settings.SecretsFile {
		file.Mode = 0o600
	}
	file.Data, file.Time = layerfile.Encode(name, values), time.Time{}
	return file, nil
}

// meanwhile says that somebody has edited a file who takes no lock, and whose edit would be lost.
func meanwhile(path string) error {
	return fmt.Errorf("%s has been changed meanwhile; try again", path)
}

// overtaken reports that a file which the set replaces is no longer the one that the transaction has seen: checks and
// programs take their time.
func (t *transaction) overtaken(set *swap.Set) error {
	seen := map[string]swap.File{}
	for _, f := range t.seen {
		seen[f.Path] = f
	}
	for _, o := range t.plan.Outputs {
		seen[o.Live.Path] = o.Live
	}
	for _, former := range set.Former {
		if f, known := seen[former.Path]; known && !f.Equal(former) {
			return meanwhile(former.Path)
		}
	}
	return nil
}

// closeSecrets mends the mode of the secrets, where somebody has opened it, unless they are replaced anyhow.
func (t *transaction) closeSecrets(files *[]swap.File) error {
	file, err := swap.Read(t.r.path(etcDir, settings.SecretsFile))
	replaced := slices.ContainsFunc(*files, func(f swap.File) bool { return f.Path == file.Path })
	if err != nil || file.Remove || replaced || file.Mode&0o077 == 0 {
		return err
	}
	t.out.Warnings = append(t.out.Warnings,
		fmt.Sprintf("%s was open to others (mode %#o)", filepath.Join(etcDir, settings.SecretsFile), file.Mode))
	file.Mode = 0o600
	*files = append(*files, file)
	return nil
}

// encodeState returns s as a file to be swapped.
func (r *Registry) encodeState(s *state.State) (swap.File, error) {
	data, err := s.Encode()
	if err != nil {
		return swap.File{}, err
	}
	return ownFile(r.path(stateFile), data, 0o600), nil
}

// saveState writes s at once: for the outcome of actions, which are no part of the transaction.
func (r *Registry) saveState(s *state.State) error {
	file, err := r.encodeState(s)
	if err != nil {
		return err
	}
	return swap.Write(file)
}

// ownFile is a file that belongs to whoever runs this.
func ownFile(path string, data []byte, mode fs.FileMode) swap.File {
	return swap.File{Path: path, Data: data, Mode: mode, UID: os.Geteuid(), GID: os.Getegid()}
}
