// Package adopt finds out what the files of imported modules change in the folders of templates and declarations. Only files
// of a former import are replaced or removed; what a person has made is not. It writes nothing.
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
	// Changes are the same files as they shall be, Former as they are.
	Changes, Former []swap.File

	root string
}

// Make compares the files of modules with those that lie below root. A file that is there, differs, and is not from a former
// import of the module is an error.
func Make(root string, modules []ucr.Module) (Plan, error) {
	p := Plan{root: root}
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
		p.Changes, p.Former = append(p.Changes, file), append(p.Former, was)
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
		p.Changes, p.Former = append(p.Changes, swap.File{Path: was.Path, Remove: true}), append(p.Former, was)
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

// Over returns the texts that the plan writes into a folder of /etc/mailreg, by their names there; nil for what it removes.
func (p Plan) Over(folder string) map[string]*string {
	over := map[string]*string{}
	for _, f := range p.Changes {
		name, inside := strings.CutPrefix(f.Path, filepath.Join(p.root, settings.Dir, folder)+"/")
		switch text := string(f.Data); {
		case !inside:
		case f.Remove:
			over[name] = nil
		default:
			over[name] = &text
		}
	}
	return over
}
