// Package adopt puts the files of imported modules into the folders of templates and declarations, and takes them back when
// they do not come into force. Only files of a former import are replaced or removed; what a person has made is not.
package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/templates/ucr"
)

// Plan is what an import does to the folders.
type Plan struct {
	// Written and Removed are the paths below the root of what changes, sorted.
	Written, Removed []string
	changes, former  []swap.File
}

// Make compares the files of modules with those that lie below root. A file that is there, differs, and is not from a former
// import of the module is an error.
func Make(root string, modules []ucr.Module) (Plan, error) {
	var p Plan
	for _, m := range modules {
		if err := p.add(root, m); err != nil {
			return Plan{}, fmt.Errorf("importing %s: %w", m.Name, err)
		}
	}
	slices.Sort(p.Written)
	slices.Sort(p.Removed)
	return p, nil
}

func (p *Plan) add(root string, m ucr.Module) error {
	owned, err := formerly(root, m.Name)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		below := filepath.Join(settings.Dir, name)
		was, err := swap.Read(filepath.Join(root, below))
		switch {
		case err != nil:
			return err
		case !was.Remove && string(was.Data) == m.Files[name]:
			continue
		case !was.Remove && !slices.Contains(owned, name):
			return fmt.Errorf("%s is there already, and is not from an import", below)
		}
		file := swap.File{Path: was.Path, Data: []byte(m.Files[name]), Mode: 0o644, UID: os.Geteuid(), GID: os.Getegid()}
		p.Written = append(p.Written, below)
		p.changes, p.former = append(p.changes, file), append(p.former, was)
	}
	for _, name := range owned {
		below := filepath.Join(settings.Dir, name)
		was, err := swap.Read(filepath.Join(root, below))
		if _, still := m.Files[name]; err != nil || still || was.Remove {
			if err != nil {
				return err
			}
			continue
		}
		p.Removed = append(p.Removed, below)
		p.changes, p.former = append(p.changes, swap.File{Path: was.Path, Remove: true}), append(p.former, was)
	}
	return nil
}

// formerly returns the files below /etc/mailreg that a former import of a module has made: its manifest names the templates.
func formerly(root, module string) ([]string, error) {
	var owned []string
	for _, name := range []string{"templates/" + module + ".ini", "schema.d/" + module + ".ini"} {
		text, err := os.ReadFile(filepath.Join(root, settings.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if !strings.HasPrefix(string(text), ucr.Imported) {
			continue
		}
		owned = append(owned, name)
		for line := range strings.Lines(string(text)) {
			option, template, _ := strings.Cut(line, "=")
			template = strings.TrimSpace(template)
			switch strings.TrimSpace(option) {
			case "Template", "Part":
				if !strings.HasSuffix(template, "/") && filepath.IsLocal(template) {
					owned = append(owned, "templates/"+template+".tmpl")
				}
			}
		}
	}
	return owned, nil
}

// Do writes and removes what is planned. Back undoes it, also what an error has left half done.
func (p Plan) Do() error { return put(p.changes) }

// Back brings the former files back.
func (p Plan) Back() error { return put(p.former) }

func put(files []swap.File) error {
	for _, f := range files {
		if f.Remove {
			if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(f.Path), 0o755), swap.Write(f)); err != nil {
			return err
		}
	}
	return nil
}
