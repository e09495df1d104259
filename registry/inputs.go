package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
)

// Inputs is where people edit by hand what files are generated from. Paths are as the system knows them.
type Inputs struct {
	// Files are the layer files and what templates include, Trees the folders of templates and declarations. None need exist.
	Files, Trees []string
	// State is the file that every transaction writes last.
	State string
}

// Edits are the differences between the inputs and what the last transactions have read.
type Edits struct {
	// Files are the paths below the root of what was edited, made or removed by hand, sorted.
	Files []string
	// Mark is another one whenever any input is another one.
	Mark string
}

// Inputs returns what is to be watched for edits.
func (r *Registry) Inputs() (Inputs, error) {
	s, err := state.Read(r.path(stateFile))
	if err != nil {
		return Inputs{}, err
	}
	return r.inputsOf(s), nil
}

func (r *Registry) inputsOf(s *state.State) Inputs {
	files := included(s)
	for _, name := range settings.FileNames() {
		files[r.path(etcDir, name)] = true
	}
	return Inputs{
		Files: slices.Sorted(maps.Keys(files)),
		Trees: []string{r.path(templateDir), r.path(etcDir, "schema.d")},
		State: r.path(stateFile),
	}
}

// included returns the files that outputs have read.
func included(s *state.State) map[string]bool {
	files := map[string]bool{}
	for _, rec := range s.Outputs {
		for _, file := range rec.Uses.Files.All() {
			files[file] = true
		}
	}
	return files
}

// Edited returns what was edited by hand and is not in force yet. Before the first transaction there is nothing to
// compare with, and nothing counts as edited.
func (r *Registry) Edited(ctx context.Context) (Edits, error) {
	edits, err := r.edited()
	if err != nil || len(edits.Files) == 0 {
		return edits, err
	}
	// It may be a transaction half way through its swap: under the lock there is none.
	unlock, err := r.lock(ctx)
	if err != nil {
		return Edits{}, err
	}
	defer unlock()
	return r.edited()
}

func (r *Registry) edited() (Edits, error) {
	s, err := state.Read(r.path(stateFile))
	if err != nil {
		return Edits{}, err
	}
	now, err := r.fingerprints(s)
	if err != nil {
		return Edits{}, err
	}
	edits := Edits{Mark: state.Hash([]byte(fmt.Sprint(now)))} // maps print sorted
	if s.Inputs != nil {
		edits.Files = r.differing(s.Inputs, now)
	}
	return edits, nil
}

// differing returns the paths below the root whose fingerprints differ.
func (r *Registry) differing(before, now map[string]string) []string {
	var paths []string
	for file := range now {
		if _, known := before[file]; !known || before[file] != now[file] {
			paths = append(paths, r.below(file))
		}
	}
	for file := range before {
		if _, still := now[file]; !still {
			paths = append(paths, r.below(file))
		}
	}
	slices.Sort(paths)
	return paths
}

// fingerprints returns a short hash of each input that exists. It is too short to tell anything of a secret.
func (r *Registry) fingerprints(s *state.State) (map[string]string, error) {
	in := r.inputsOf(s)
	prints := map[string]string{}
	for _, file := range in.Files {
		if err := addPrint(prints, file); err != nil {
			return nil, err
		}
	}
	for _, tree := range in.Trees {
		err := fs.WalkDir(os.DirFS(tree), ".", func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // there is none, or it has just gone
				return nil
			case err != nil, entry.IsDir(), !counts(name):
				return err
			}
			return addPrint(prints, filepath.Join(tree, name))
		})
		if err != nil {
			return nil, err
		}
	}
	return prints, nil
}

// look notes the inputs before they are read, so that what is edited meanwhile counts as edited. An edit needs no more than
// the layer files.
func (t *transaction) look() (err error) {
	if t.job.edit == nil || t.state.Inputs == nil {
		t.inputs, err = t.r.fingerprints(t.state)
		return err
	}
	t.inputs = map[string]string{}
	for _, name := range settings.FileNames() {
		if err := addPrint(t.inputs, t.r.path(etcDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// counts reports whether a file in a folder of templates or declarations is one, by its name: not what editors leave
// beside it.
func counts(name string) bool {
	ext := path.Ext(name)
	return (ext == ".tmpl" || ext == ".ini") && !strings.HasPrefix(path.Base(name), ".")
}

func addPrint(prints map[string]string, file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	prints[file] = fingerprint(data)
	return err
}

func fingerprint(data []byte) string { return state.Hash(data)[:16] }

// noteInputs has the state remember the inputs that this transaction brings into force: all of them in a whole commit. An
// edit answers for the layer file that it writes, unless that was edited by hand before, and for what it includes anew.
func (t *transaction) noteInputs(files []swap.File) error {
	switch {
	case t.job.edit != nil && len(t.changes) == 0:
		return nil
	case t.job.module != nil && t.state.Inputs != nil:
		t.noteModule()
	case t.job.edit == nil && len(t.job.files) == 0, t.state.Inputs == nil:
		t.state.Inputs = t.inputs
	case t.job.edit == nil:
		return nil
	}
	for file := range included(t.state) {
		if _, known := t.state.Inputs[file]; known {
			continue
		}
		if err := addPrint(t.state.Inputs, file); err != nil {
			return err
		}
	}
	for _, file := range files {
		if filepath.Dir(file.Path) == t.r.path(etcDir) && t.inputs[file.Path] == t.state.Inputs[file.Path] {
			t.state.Inputs[file.Path] = fingerprint(file.Data)
		}
	}
	return nil
}

// checkEdited refuses values that a person has written into a layer file and that do not fit their variable: no edit has
// looked at them yet.
func (t *transaction) checkEdited() error {
	if !t.job.typed || t.state.Inputs == nil {
		return nil
	}
	edited := t.r.differing(t.state.Inputs, t.inputs)
	bare := t.view
	var layers []Layer
	for layer := Normal; layer <= Forced; layer++ {
		for name := range t.view.Files(layer) {
			if slices.Contains(edited, path.Join(etcDir, name)) && !slices.Contains(layers, layer) {
				layers = append(layers, layer)
				bare = bare.With(layer, nil)
			}
		}
	}
	var refused []error
	for _, layer := range layers {
		values := t.view.In(layer)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			edit := Edit{Layer: layer, Internal: true}
			if r := checkAssignment(bare, edit, Assignment{Key: key, Value: values[key]}); r != nil {
				refused = append(refused, r)
			}
		}
	}
	return errors.Join(append(refused, checkAccounts(bare, t.view), t.r.checkLayout(bare, t.view))...)
}
