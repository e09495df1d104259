package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mailreg/mailreg/registry/adopt"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
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

// ImportUCR turns packages of the peer in a folder (see package ucr) into modules and registers them, in one transaction with
// their files: when something cannot be taken over, or does not come into force, none is left behind.
func (r *Registry) ImportUCR(ctx context.Context, dir string, opts ImportOptions) (Imported, error) {
	host, err := r.host()
	if err != nil {
		return Imported{}, err
	}
	var in Imported
	if in.Modules, err = convertUCR(dir, opts.Name, host); err != nil {
		return Imported{}, err
	}
	m := module{on: true, imported: in.Modules}
	unported := 0
	for _, one := range in.Modules {
		if err := checkModule(one.Name); err != nil {
			return in, err
		}
		m.names = append(m.names, one.Name)
		unported += len(one.Refused)
	}
	if unported > 0 && !opts.SkipUnported {
		return in, ErrUnported
	}
	plan, err := adopt.Make(r.root, in.Modules) // a first look: what counts is made under the lock
	if err != nil {
		return in, err
	}
	in.Written, in.Removed = plan.Written, plan.Removed
	in.Outcome, err = r.run(ctx, job{module: &m, dryRun: opts.DryRun, noReload: opts.NoReload})
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

// host tells the import what there is already.
func (r *Registry) host() (ucr.Host, error) {
	off, err := r.reader.Off()
	if err != nil {
		return ucr.Host{}, err
	}
	set, err := r.load(off, nil)
	if err != nil {
		return ucr.Host{}, err
	}
	host := ucr.Host{Made: map[string]ucr.Made{}, Declared: isStock, Check: checkSection}
	for _, o := range set.Outputs() {
		joined := len(o.Parts) != 1 || o.Parts[0] != o.Template
		host.Made[o.Path] = ucr.Made{Manifest: o.Manifest, Template: o.Template, Joined: joined}
	}
	return host, nil
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
