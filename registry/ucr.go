package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/mailreg/mailreg/registry/adopt"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/templates"
	"github.com/mailreg/mailreg/templates/ucr"
)

// ImportOptions are those of ImportUCR.
type ImportOptions struct {
	// Name is the package to import; all in the folder when empty.
	Name string
	// SkipUnported imports what can be, although some cannot.
	SkipUnported bool
	// DryRun and NoReload are those of Edit.
	DryRun, NoReload bool
}

// Imported tells what ImportUCR has taken over, or with DryRun would take over.
type Imported struct {
	// Modules are the packages, with what is left to port.
	Modules []ucr.Module
	// Written and Removed are the files below /etc/mailreg that have changed, as paths below the root.
	Written, Removed []string
	// Outcome is that of the transaction which has brought them into force.
	Outcome Outcome
}

// ErrUnported says that a package has parts that somebody has to port; nothing was written.
var ErrUnported = errors.New("some of it has to be ported by hand")

// ImportUCR turns packages of the peer in a folder (see package ucr) into modules and registers them. It is all or nothing:
// when something cannot be taken over, or does not come into force, no file is left behind.
func (r *Registry) ImportUCR(ctx context.Context, dir string, opts ImportOptions) (Imported, error) {
	host, set, err := r.host()
	if err != nil {
		return Imported{}, err
	}
	var in Imported
	if in.Modules, err = convertUCR(dir, opts.Name, host); err != nil {
		return Imported{}, err
	}
	m := module{on: true}
	unported := 0
	for _, one := range in.Modules {
		if err := checkModule(one.Name); err != nil {
			return in, err
		}
		if len(one.Files) > 0 {
			m.names = append(m.names, one.Name)
		}
		unported += len(one.Refused)
	}
	if unported > 0 && !opts.SkipUnported {
		return in, ErrUnported
	}
	plan, err := adopt.Make(r.root, in.Modules)
	if err != nil {
		return in, err
	}
	in.Written, in.Removed = plan.Written, plan.Removed
	if opts.DryRun {
		return in, previewModules(r.path(templateDir), in.Modules, set)
	}
	if err := plan.Do(); err != nil {
		return in, errors.Join(err, plan.Back())
	}
	if len(m.names) == 0 {
		return in, nil
	}
	in.Outcome, err = r.run(ctx, job{module: &m, noReload: opts.NoReload})
	if err != nil && !errors.Is(err, ErrPending) {
		return in, errors.Join(err, plan.Back())
	}
	return in, err
}

// convertUCR reads the folder's parent: the declarations of installed packages lie beside their templates. No link leads out
// of it.
func convertUCR(dir, name string, host ucr.Host) ([]ucr.Module, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	modules, err := ucr.Convert(parent.FS(), filepath.Base(dir), name, host)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", dir, err)
	}
	return modules, nil
}

// host tells the import what there is already. It returns the modules that are switched off as well.
func (r *Registry) host() (ucr.Host, []string, error) {
	off, err := r.reader.Off()
	if err != nil {
		return ucr.Host{}, nil, err
	}
	set, err := r.load(off)
	if err != nil {
		return ucr.Host{}, nil, err
	}
	host := ucr.Host{Made: map[string]ucr.Made{}, Declared: isStock, Check: checkSection}
	for _, o := range set.Outputs() {
		joined := len(o.Parts) != 1 || o.Parts[0] != o.Template
		host.Made[o.Path] = ucr.Made{Manifest: o.Manifest, Template: o.Template, Joined: joined}
	}
	return host, off, nil
}

// isStock reports whether mailreg itself declares a variable.
func isStock(key string) bool {
	_, found := slices.BinarySearchFunc(schema.Declarations, key, func(d schema.Declaration, key string) int {
		return cmp.Compare(d.Key, key)
	})
	return found
}

// checkSection reports why a section of a declaration file would be refused when settings are read.
func checkSection(section string) error {
	all, err := schema.ParseDeclarations("", []byte(section))
	for _, d := range all {
		err = errors.Join(err, value.CheckDeclaration(d))
	}
	return err
}

// previewModules reports why templates could not be read with those of the modules.
func previewModules(dir string, modules []ucr.Module, off []string) error {
	over := map[string]string{}
	for _, m := range modules {
		for name, text := range m.Files {
			if rel, ok := relative("templates", name); ok {
				over[rel] = text
			}
		}
		off = slices.DeleteFunc(slices.Clone(off), func(name string) bool { return name == m.Name })
	}
	set, err := templates.Preview(dir, over, off...)
	if err != nil {
		return err
	}
	return set.Check()
}

func relative(folder, name string) (string, bool) {
	rel, err := filepath.Rel(folder, name)
	return rel, err == nil && fs.ValidPath(rel)
}
