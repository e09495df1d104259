package registry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/mailreg/mailreg/templates"
)

// plan finds the outputs that the transaction touches, renders them and compares them with the live files.
func (t *transaction) plan() error {
	all := t.set.Outputs()
	chosen, err := selectOutputs(all, t.job.files)
	if err != nil {
		return err
	}
	fresh := map[string][]templates.Output{}
	for _, o := range chosen {
		rec, recorded := t.state.Outputs[o.Path]
		switch {
		// Never written: what it depends on is not known, so an edit has to find out.
		case t.r.wanted(t.view, o) && !recorded && t.job.edit != nil:
			fresh[o.Service] = append(fresh[o.Service], o)
		// Written before: an edit renders it when something that it has read changes, a commit in any case.
		case t.r.wanted(t.view, o):
			if t.job.edit == nil || differ(rec.Uses, t.old, t.view) {
				err = t.render(o)
			}
		// No longer wanted: its When key is off. The files of a service that is switched off are left alone.
		case recorded && t.r.enabled(t.view, o.Service) && (t.job.edit == nil || t.r.wanted(t.old, o)):
			err = t.remove(o, rec)
		case len(t.job.files) > 0:
			err = fmt.Errorf("%s is not generated with these settings", o.Path)
		}
		if err != nil {
			return err
		}
	}
	for _, service := range slices.Sorted(maps.Keys(fresh)) {
		if err := t.start(service, fresh[service]); err != nil {
			return err
		}
	}
	if t.job.edit != nil || len(t.job.files) > 0 {
		return nil // changed templates are the matter of a whole commit
	}
	return t.removeVanished(all)
}

// selectOutputs returns the outputs that the files name, all when there are none.
func selectOutputs(all []templates.Output, files []string) ([]templates.Output, error) {
	if len(files) == 0 {
		return all, nil
	}
	var chosen []templates.Output
	for _, file := range files {
		at := slices.IndexFunc(all, func(o templates.Output) bool { return o.Path == file })
		if at < 0 {
			return nil, fmt.Errorf("no template makes the file %s", file)
		}
		chosen = append(chosen, all[at])
	}
	slices.SortFunc(chosen, func(a, b templates.Output) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(chosen, func(a, b templates.Output) bool { return a.Path == b.Path }), nil
}

// start has an edit generate outputs of a service that were never written. What they depend on is not known before they
// are rendered: when the edit changes nothing of it, they are left alone. They begin together, for a server does not work
// with half of its files. On a new host keys are set one after the other; that files cannot be made before the last one
// is not the fault of the first.
func (t *transaction) start(service string, fresh []templates.Output) error {
	affected := false
	for _, o := range fresh {
		_, used, err := t.set.Render(o, t.world(t.view))
		touched := differ(uses(o, used), t.old, t.view)
		affected = affected || touched
		if err == nil {
			continue
		}
		if _, _, before := t.set.Render(o, t.world(t.old)); before == nil {
			return err
		}
		if touched {
			t.warn("the files of %s are not generated yet: %v", service, err)
		}
		return nil
	}
	if !affected {
		return nil
	}
	for _, o := range fresh {
		if err := t.render(o); err != nil {
			return err
		}
	}
	return nil
}

// removeVanished takes away the files that no template makes any more.
func (t *transaction) removeVanished(all []templates.Output) error {
	for _, path := range slices.Sorted(maps.Keys(t.state.Outputs)) {
		rec := t.state.Outputs[path]
		made := func(o templates.Output) bool { return o.Path == path }
		if slices.ContainsFunc(all, made) || !t.r.enabled(t.view, rec.Service) {
			continue
		}
		if err := t.remove(templates.Output{Path: path, Service: rec.Service}, rec); err != nil {
			return err
		}
	}
	return nil
}

// enabled reports whether the outputs of a service are generated (mailreg/service/NAME). What belongs to no service that
// can be installed always is.
func (r *Registry) enabled(v *View, service string) bool {
	switch v.String("mailreg/service/" + service) {
	case "yes":
		return true
	case "no":
		return false
	}
	s := r.service(service)
	// A scratch root gets all files, whatever is installed on the machine that renders them.
	return s == nil || r.root != "/" || s.Installed()
}

// wanted reports whether an output is generated with these settings.
func (r *Registry) wanted(v *View, o templates.Output) bool {
	return r.enabled(v, o.Service) && (o.When == "" || v.Bool(o.When))
}

// uses adds what decides whether an output exists at all to what its rendering has looked at.
func uses(o templates.Output, u templates.Uses) templates.Uses {
	u.Keys = append(slices.Clone(u.Keys), "mailreg/service/"+o.Service)
	if o.When != "" {
		u.Keys = append(u.Keys, o.When)
	}
	slices.Sort(u.Keys)
	u.Keys = slices.Compact(u.Keys)
	return u
}

// differ reports whether anything in u has another value in b than in a. Values are compared, not edited keys: a default
// that refers to another key changes with it, and a hidden edit changes nothing.
func differ(u templates.Uses, a, b *View) bool {
	for _, key := range u.Keys {
		before, had := a.Get(key)
		after, has := b.Get(key)
		if before != after || had != has {
			return true
		}
	}
	return slices.ContainsFunc(u.Prefixes, func(prefix string) bool {
		return !slices.Equal(a.Prefix(prefix), b.Prefix(prefix))
	})
}
