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
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mailreg/mailreg/registry/adopt"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/templates"
	"github.com/mailreg/mailreg/templates/ucr"
)

// module is what somebody has dropped into the folders of templates and of declarations: the two files NAME.ini, of which
// one may be missing, and what they name. Several may come at once.
type module struct {
	names    []string
	on       bool         // whether they are to be switched on or off
	imported []ucr.Module // whose files are part of the transaction
}

var moduleName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`) })

// RegisterOptions are those of Register and Unregister.
type RegisterOptions struct {
	// DryRun and NoReload are those of Edit.
	DryRun, NoReload bool
}

// Register brings a module into force as one transaction: the manifest /etc/mailreg/templates/NAME.ini and the declarations
// /etc/mailreg/schema.d/NAME.ini, of which one may be missing. Its files are rendered, and those of others that it adds
// parts to or whose values its defaults change. A whole Commit does so as well, unless the module was switched off.
func (r *Registry) Register(ctx context.Context, name string, opts RegisterOptions) (Outcome, error) {
	return r.switchModule(ctx, name, module{on: true}, opts)
}

// Unregister takes a module back as one transaction, while its files are still there: the files that it has made are
// removed, what they had replaced comes back, and files of others are rendered without its parts. The module stays off,
// whatever lies in the folders, until it is registered again or its files are gone. Values of variables that nobody
// declares any more stay.
func (r *Registry) Unregister(ctx context.Context, name string, opts RegisterOptions) (Outcome, error) {
	return r.switchModule(ctx, name, module{}, opts)
}

func (r *Registry) switchModule(ctx context.Context, name string, m module, opts RegisterOptions) (Outcome, error) {
	if err := checkModule(name); err != nil {
		return Outcome{}, err
	}
	there, err := r.moduleExists(name)
	if err == nil && !there {
		err = fmt.Errorf("there is neither a manifest %s nor declarations %s",
			path.Join(templateDir, name+".ini"), path.Join(etcDir, "schema.d", name+".ini"))
	}
	if err != nil {
		return Outcome{}, err
	}
	m.names = []string{name}
	return r.run(ctx, job{module: &m, dryRun: opts.DryRun, noReload: opts.NoReload})
}

// checkModule refuses names that a module cannot have.
func checkModule(name string) error {
	switch {
	case !moduleName().MatchString(name):
		return fmt.Errorf("%q cannot be the name of a module", name)
	case templates.IsStock(name):
		return fmt.Errorf("%s belongs to mailreg itself: see mailreg/service/%s", name, name)
	}
	return nil
}

// Modules returns the names of all modules, whether on or off, sorted.
func (r *Registry) Modules() []string {
	var names []string
	for _, file := range r.moduleFiles("*") {
		found, _ := filepath.Glob(file) // the pattern is well formed, the only error there is
		for _, file := range found {
			name := strings.TrimSuffix(filepath.Base(file), ".ini")
			if moduleName().MatchString(name) && !templates.IsStock(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// moduleFiles are the paths of the files that make a module, as the system knows them.
func (r *Registry) moduleFiles(name string) []string {
	return []string{r.path(templateDir, name+".ini"), r.path(etcDir, "schema.d", name+".ini")}
}

func (r *Registry) moduleExists(name string) (bool, error) {
	for _, file := range r.moduleFiles(name) {
		if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
	}
	return false, nil
}

// turn has the settings without the module on one side of the transaction, and those with it on the other.
func (t *transaction) turn() error {
	if t.job.module == nil {
		return nil
	}
	names := t.job.module.names
	with := slices.DeleteFunc(slices.Clone(t.old.Off()), func(off string) bool { return slices.Contains(names, off) })
	without := append(slices.Clone(with), names...)
	if !t.job.module.on && len(with) < len(t.old.Off()) {
		t.out.Warnings = append(t.out.Warnings, names[0]+" is not registered")
		with = without
	}
	before, after := without, with
	if !t.job.module.on {
		before, after = with, without
	}
	if err := t.adopt(); err != nil {
		return err
	}
	var err, errAfter error
	t.old, err = t.r.reader.Without(before, nil)
	t.view, errAfter = t.r.reader.Without(after, t.adopted.Over("schema.d"))
	return errors.Join(err, errAfter)
}

// adopt makes the files of imported modules part of the transaction.
func (t *transaction) adopt() (err error) {
	if t.adopted, err = adopt.Make(t.r.root, t.job.module.imported); err != nil {
		return err
	}
	t.seen = append(t.seen, t.adopted.Former...)
	for _, file := range t.adopted.Changes {
		delete(t.inputs, file.Path)
		if !file.Remove {
			t.inputs[file.Path] = fingerprint(file.Data)
		}
	}
	return nil
}

// moved returns the outputs that come or get other parts when a module is switched on or off, and those that go.
func (t *transaction) moved(set generate.Renderer) (force, gone []string, err error) {
	if t.job.module == nil {
		return nil, nil, nil
	}
	was, err := t.r.load(t.old.Off(), nil)
	if err != nil {
		return nil, nil, err
	}
	before, after := outputsByPath(was), outputsByPath(set)
	for _, path := range slices.Sorted(maps.Keys(after)) {
		o := after[path]
		rec, written := t.state.Outputs[path]
		former, there := before[path]
		ours := slices.Contains(t.job.module.names, o.Manifest)
		switch {
		// The parts are those without the module, and those of the last writing: a former form of it had no others.
		case there && slices.Equal(former.Parts, o.Parts) && (!written || len(rec.Parts) == 0 || slices.Equal(rec.Parts, o.Parts)):
		case there && !ours && !written:
			t.out.Warnings = append(t.out.Warnings, fmt.Sprintf("%s is not generated yet: its new parts wait for that", path))
		default:
			force = append(force, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(t.state.Outputs)) {
		_, still := after[path]
		_, was := before[path]
		if !still && (was || slices.Contains(t.job.module.names, t.state.Outputs[path].Manifest)) {
			gone = append(gone, path)
		}
	}
	return force, gone, nil
}

func outputsByPath(set generate.Renderer) map[string]templates.Output {
	all := map[string]templates.Output{}
	for _, o := range set.Outputs() {
		all[o.Path] = o
	}
	return all
}

// offFile returns the list of the modules that are switched off, when it is to be another one. Those whose files are gone
// are forgotten.
func (t *transaction) offFile() ([]swap.File, error) {
	var off []string
	for _, name := range t.view.Off() {
		there, err := t.r.moduleExists(name)
		if err != nil {
			return nil, err
		}
		if there {
			off = append(off, name)
		}
	}
	slices.Sort(off)
	text := ""
	if len(off) > 0 {
		text = strings.Join(off, "\n") + "\n"
	}
	file, err := swap.Read(t.r.path(settings.OffFile))
	switch {
	case err != nil || string(file.Data) == text && !file.Remove || file.Remove && text == "":
		return nil, err
	case text == "":
		return []swap.File{{Path: file.Path, Remove: true}}, nil
	}
	return []swap.File{ownFile(file.Path, []byte(text), 0o644)}, nil
}

// noteModule has the state remember the inputs of the module: they are in force now, what else was edited is not.
func (t *transaction) noteModule() {
	var files []string
	for _, name := range t.job.module.names {
		files = append(files, t.r.moduleFiles(name)...)
		own := t.r.path(templateDir, name) + string(filepath.Separator)
		for file := range t.inputs {
			if strings.HasPrefix(file, own) {
				files = append(files, file)
			}
		}
	}
	for _, o := range t.plan.Set.Outputs() {
		for _, part := range o.Parts {
			if slices.Contains(t.plan.Force, o.Path) {
				files = append(files, t.r.path(templateDir, part+".tmpl"))
			}
		}
	}
	for _, file := range t.adopted.Changes {
		files = append(files, file.Path)
	}
	for _, file := range files {
		if print, there := t.inputs[file]; there {
			t.state.Inputs[file] = print
		} else {
			delete(t.state.Inputs, file)
		}
	}
}
