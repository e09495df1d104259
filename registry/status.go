package registry

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
)

// Status is whether all that the registry says is in force, and what waits otherwise.
type Status struct {
	// Pending are the actions that services still need.
	Pending []PendingAction
	// Interrupted is when a transaction reached the point of no return whose process then died; the next command finishes it.
	// It is zero when there is none.
	Interrupted time.Time
	// Broken are layer files and declarations that cannot be read. Whoever runs works with the last good ones.
	Broken []error
	// Edited are the generated files that were edited by hand since they were written, Gone those that are no longer there,
	// Stale those that were not and would be written otherwise by now. All are paths below the root, sorted.
	Edited, Gone, Stale []string
	// Unrendered is why it is not known which files are stale: keys are missing, or a template is broken.
	Unrendered error
	// Last is the last transaction, its ID 0 when there was none.
	Last LogEntry
	// Spool says that this host has had mail homes.
	Spool bool
	// Services are the servers whose files the registry writes.
	Services []ServiceStatus
	// Unseen is what could not be looked at, such as what only root may read.
	Unseen []error
}

// PendingAction is an action that a service still needs.
type PendingAction struct {
	// Service is its name in the registry, Unit the one that systemd knows, "" when this version does not know the service.
	Service, Unit string
	// Action is reload, restart or start; post for one of the administrator's programs, whose path stands for the names.
	Action string
	// Since is when it first failed and Error why it last did; none of both when nobody has tried.
	Since time.Time
	Error string
}

// ServiceStatus is what is found of a server.
type ServiceStatus struct {
	Name, Unit string
	// Enabled says that its files are generated.
	Enabled            bool
	Installed, Running bool
	// Version is the release, "" when it is not known.
	Version string
	// Files is the number of its files that were generated.
	Files int
}

// InForce reports whether nothing waits: all is rendered, and every service was told. What could not be looked at may wait.
func (s Status) InForce() bool {
	waits := len(s.Unseen) + len(s.Pending) + len(s.Broken) + len(s.Edited) + len(s.Gone) + len(s.Stale)
	return waits == 0 && s.Interrupted.IsZero() && s.Unrendered == nil
}

// Status looks at everything that is on disk and changes nothing. What is broken is reported; it keeps nothing else from
// being looked at.
func (r *Registry) Status(_ context.Context) Status {
	var s Status
	view, err := r.View()
	if err != nil {
		s.Broken = r.reader.Problems()
	}
	st, err := state.Read(r.path(stateFile))
	if err != nil {
		s.unseen(err)
	} else {
		s.Pending, s.Spool = r.pendingActions(st), st.Spool
		s.Edited, s.Gone, err = r.written(st)
		s.unseen(err)
		s.stale(r, view, st)
	}
	s.Interrupted, err = swap.Waiting(r.path(stateDir))
	s.unseen(err)
	for e, err := range r.History() {
		s.unseen(err)
		s.Last = e
		break
	}
	s.Services = r.serviceStatus(view, st)
	return s
}

func (s *Status) unseen(err error) {
	if err != nil {
		s.Unseen = append(s.Unseen, err)
	}
}

// pendingActions are sorted by service; programs come last.
func (r *Registry) pendingActions(st *state.State) []PendingAction {
	var all []PendingAction
	for _, name := range slices.Sorted(maps.Keys(st.Pending)) {
		p := PendingAction{Service: name, Action: st.Pending[name], Since: st.Trouble[name].Since, Error: st.Trouble[name].Error}
		if s := r.service(name); s != nil {
			p.Unit = s.Unit()
		}
		all = append(all, p)
	}
	for _, o := range st.Owed {
		name := filepath.Join(hook.ProgramDir, o.Program)
		all = append(all, PendingAction{Service: name, Unit: name, Action: stagePost, Since: o.Since, Error: o.Error})
	}
	return all
}

// written compares the generated files with what was last written.
func (r *Registry) written(st *state.State) (edited, gone []string, err error) {
	for _, path := range slices.Sorted(maps.Keys(st.Outputs)) {
		data, readErr := os.ReadFile(r.path(path))
		switch {
		case errors.Is(readErr, fs.ErrNotExist):
			gone = append(gone, path)
		case readErr != nil:
			err = errors.Join(err, readErr)
		case state.Hash(data) != st.Outputs[path].Hash:
			edited = append(edited, path)
		}
	}
	return edited, gone, err
}

// stale renders all files to see which would be written otherwise; those that are listed already are no news.
func (s *Status) stale(r *Registry, view *View, st *state.State) {
	if view == nil || len(s.Broken) > 0 {
		return
	}
	set, err := r.load(view.Off(), nil)
	if err == nil {
		err = checkTemplates(set)
	}
	if errors.Is(err, fs.ErrPermission) {
		s.unseen(err)
		return
	}
	if err != nil {
		s.Unrendered = err
		return
	}
	plan := generate.Plan{Root: r.root, Set: set, Service: r.rendered, Old: view, View: view, State: st.Clone(), Now: r.now()}
	err = plan.Run()
	if errors.Is(err, fs.ErrPermission) {
		s.unseen(err)
	} else if err != nil {
		s.Unrendered = err
		return
	}
	s.Stale = slices.DeleteFunc(plan.Files, func(path string) bool {
		return slices.Contains(s.Edited, path) || slices.Contains(s.Gone, path)
	})
}

// serviceStatus does without settings and state when they cannot be read.
func (r *Registry) serviceStatus(view *View, st *state.State) []ServiceStatus {
	plan := generate.Plan{Root: r.root, Service: r.rendered}
	all := []ServiceStatus{}
	for _, s := range r.services() {
		one := ServiceStatus{Name: s.Name(), Unit: s.Unit(), Installed: s.Installed()}
		if st != nil {
			for _, rec := range st.Outputs {
				if rec.Service == s.Name() {
					one.Files++
				}
			}
		}
		one.Enabled = view != nil && plan.Enabled(view, s.Name())
		if one.Installed {
			one.Running, one.Version = s.Running(), s.Version()
		}
		all = append(all, one)
	}
	return all
}
