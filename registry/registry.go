package registry

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/templates"
)

// The registry's files below the root.
const (
	etcDir      = settings.Dir
	templateDir = etcDir + "/templates"
	stateDir    = "/var/lib/mailreg"
	lockFile    = stateDir + "/lock"
	stateFile   = stateDir + "/state.json"
	logFile     = stateDir + "/transactions.log"
	stageDir    = stateDir + "/stage"
	layoutFile  = "/var/spool/dovecot/private/.mailreg-layout"
)

// Config says how a registry is put together; the zero value is the host's own.
type Config struct {
	// Root is the directory that everything lies below; "/" when empty.
	Root string
	// Load returns the templates; nil means the stock ones, overridden by those in /etc/mailreg/templates.
	Load func() (generate.Renderer, error)
	// Services are the servers whose files are written; nil means those of package hook.
	Services []Service
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Registry is the settings below one root. All methods may be called at the same time, from several processes.
type Registry struct {
	config Config
	root   string
	reader *settings.Reader
	step   func(name string) // told of each step that a test wants to break; nil but there
}

// Open returns the registry below root, "/" when empty. It reads nothing and creates nothing.
func Open(root string) *Registry { return New(Config{Root: root}) }

// New is Open for who brings own parts.
func New(c Config) *Registry {
	root := c.Root
	if root == "" {
		root = "/"
	}
	if abs, err := filepath.Abs(root); err == nil { // fails only when the working directory is gone
		root = abs
	}
	return &Registry{config: c, root: root, reader: settings.NewReader(root)}
}

// Drives returns the files below the root that depend on a key, be it through the default of another one, sorted: those
// that have been written so far. Users who may not see the state get none.
func (r *Registry) Drives(key string) ([]string, error) {
	s, err := state.Read(r.path(stateFile))
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view, err := r.View()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, follower := range view.Followers(key) {
		files = append(files, s.Drives(follower)...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// View reads all layers. Files that did not change since the last call are not read again. When a layer file is broken or
// gone, the error names it and the view is the last good one of this process, nil when there was none.
func (r *Registry) View() (*View, error) { return r.reader.View() }

// Lookup is View().Get for who wants one value only: it is faster in a process that has read nothing yet.
func (r *Registry) Lookup(key string) (value string, ok bool, err error) { return r.reader.Lookup(key) }

// path returns a path below the root as the system knows it.
func (r *Registry) path(elements ...string) string {
	return filepath.Join(append([]string{r.root}, elements...)...)
}

func (r *Registry) now() time.Time {
	if r.config.Now != nil {
		return r.config.Now().UTC()
	}
	return time.Now().UTC()
}

func (r *Registry) log() history.Log { return history.Log(r.path(logFile)) }

// fault marks a step of a transaction, for tests that break it.
func (r *Registry) fault(step string) {
	if r.step != nil {
		r.step(step)
	}
}

// load returns the templates without those of the modules that are switched off, with others laid over them.
func (r *Registry) load(off []string, over map[string]*string) (generate.Renderer, error) {
	if r.config.Load != nil {
		return r.config.Load()
	}
	return templates.Preview(r.path(templateDir), over, off...)
}

func (r *Registry) services() []Service {
	if r.config.Services != nil {
		return r.config.Services
	}
	return []Service{
		hook.NewPostfix(r.root), hook.NewDovecot(r.root), hook.NewSaslauthd(r.root), hook.NewCyrus(r.root), hook.NewRspamd(r.root),
		hook.NewSpamAssassin(r.root), hook.NewClamd(r.root), hook.NewNginx(r.root),
	}
}

// service returns the service of that name; nil when it is none that the registry can check or reload.
func (r *Registry) service(name string) Service {
	for _, s := range r.services() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// rendered is service for who renders.
func (r *Registry) rendered(name string) generate.Service {
	if s := r.service(name); s != nil {
		return s
	}
	return nil
}

// Service is a server whose config files the registry writes; package hook has them. Paths are below the root unless the
// stage is spoken of.
type Service interface {
	// Name is the name in manifests and declarations, such as "postfix"; Unit the name that systemd knows.
	Name() string
	Unit() string
	// Dir is the directory that holds the service's config files.
	Dir() string
	generate.Service
	// Check examines a staged copy of Dir. Warnings are for a person; an error refuses the transaction.
	Check(ctx context.Context, stage string) (warnings []string, err error)
	// Build makes the indexed map that Map names of a staged file; stage is the staged copy of Dir.
	Build(ctx context.Context, stage, file, table string) (warnings []string, err error)
	// Running reports whether the server runs for this root.
	Running() bool
	// Act makes the server read its files again: action is reload, restart, or start, which is restart for one that may
	// have died.
	Act(ctx context.Context, action string) error
	// Verify reports why the server does not work with its files after Act.
	Verify(ctx context.Context) error
}

// restarter is a Service for which a reload may not serve.
type restarter interface {
	// RestartOnly reports whether the server reads its files at its start alone.
	RestartOnly() bool
}

// provider is a Service whose files name others that must exist.
type provider interface {
	// Provide makes those that are missing; a second call does nothing.
	Provide() error
}

// scattered is a Service with config files outside of its Dir.
type scattered interface {
	// Files returns their paths below the root; none of them need exist.
	Files() []string
}

// Outputs returns the paths below the root of all files that templates make, sorted, whether or not they are wanted now.
func (r *Registry) Outputs() ([]string, error) {
	off, err := r.reader.Off()
	if err != nil {
		return nil, err
	}
	set, err := r.load(off, nil)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, o := range set.Outputs() {
		files = append(files, o.Path)
	}
	return files, nil
}
