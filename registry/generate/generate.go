// Package generate finds the files that a transaction affects, renders them and compares them with those that are there. It
// writes nothing.
package generate

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/templates"
)

// Plan is one look at the outputs: what goes in, then what comes out of Run.
type Plan struct {
	// Root is the directory that all paths lie below.
	Root string
	// Set is the templates, Service the server of a name, nil when there is none.
	Set     Renderer
	Service func(name string) Service
	// Old and View are the settings before and after the edit. Without Edit both are the same, and everything is rendered.
	Old, View *settings.View
	Edit      bool
	// Edited are the keys that the edit has changed in its layer. With Redeclared the declarations of View are other ones.
	Edited     []string
	Redeclared bool
	// Only are the outputs to look at, as paths below the root; all when empty.
	Only []string
	// Skip passes over names in Only that are no output, or not with these settings.
	Skip bool
	// Force are outputs to render whatever the settings, as paths below the root, Gone those whose module is switched off:
	// they are removed, and what they have replaced comes back.
	Force, Gone []string
	// State is the memory of former transactions. Run brings it up to date.
	State *state.State
	// Now is the time of the transaction.
	Now time.Time

	// Outputs are those that change, or whose map is to be built.
	Outputs []*Output
	// Files are the paths below the root of those that change, Unknown those that were passed over, Warnings lines for a
	// person.
	Files, Unknown, Warnings []string
	// Made are values for secrets that outputs have read and nobody has set (Declaration.Generate).
	Made map[string]string

	differing []string           // the keys whose merged values the edit has changed
	thorough  bool               // whether there may be more of them
	services  map[string]Service // by name

	drafts   map[string]string // of such values, before an output that is written has read them
	versions map[string]string // of the servers that a template asked for; asking starts a program
}

// Renderer is the templates; *templates.Set is one.
type Renderer interface {
	// Outputs returns all outputs sorted by path.
	Outputs() []templates.Output
	// Render returns the bytes of an output and what they depend on.
	Render(o templates.Output, w templates.World) ([]byte, templates.Uses, error)
}

// Service is what is to be known about a server to render its files.
type Service interface {
	// Installed reports whether the server's program is there, Version which release it is ("" when unknown).
	Installed() bool
	Version() string
	// Map returns the path of the indexed map that is made from a file.
	Map(file, table string) string
}

func (p *Plan) path(below string) string { return filepath.Join(p.Root, below) }

// below is the inverse of path.
func (p *Plan) below(path string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, p.Root), "/")
}

// Run finds the outputs that the transaction touches, renders them and compares them with the live files.
func (p *Plan) Run() error {
	all := p.Set.Outputs()
	chosen, unknown := selectOutputs(all, p.Only)
	if len(unknown) > 0 && !p.Skip {
		return fmt.Errorf("no template makes the file %s", unknown[0])
	}
	p.Unknown = unknown
	var err error
	fresh := map[string][]templates.Output{}
	for _, o := range chosen {
		rec, recorded := p.State.Outputs[o.Path]
		switch {
		// Never written: what it depends on is not known, so an edit has to find out.
		case p.wanted(p.View, o) && !recorded && p.Edit && !slices.Contains(p.Force, o.Path):
			fresh[o.Service] = append(fresh[o.Service], o)
		// Written before: an edit renders it when something that it has read changes, a commit in any case.
		case p.wanted(p.View, o):
			if !p.Edit || slices.Contains(p.Force, o.Path) || p.affects(rec.Uses) {
				err = p.render(o)
			}
		// No longer wanted: its When key is off. The files of a service that is switched off are left alone.
		case recorded && p.Enabled(p.View, o.Service) && (!p.Edit || p.wanted(p.Old, o)):
			err = p.remove(o, rec)
		case len(p.Only) > 0 && p.Skip:
			p.Unknown = append(p.Unknown, o.Path)
		case len(p.Only) > 0:
			err = fmt.Errorf("%s is not generated with these settings", o.Path)
		}
		if err != nil {
			return err
		}
	}
	for _, service := range slices.Sorted(maps.Keys(fresh)) {
		if err := p.start(service, fresh[service]); err != nil {
			return err
		}
	}
	for _, path := range p.Gone {
		rec, recorded := p.State.Outputs[path]
		if !recorded || !p.Enabled(p.View, rec.Service) {
			continue
		}
		if err := p.giveBack(path, rec); err != nil {
			return err
		}
	}
	if p.Edit || len(p.Only) > 0 {
		return nil // changed templates are the matter of a whole commit
	}
	return p.removeVanished(all)
}

// selectOutputs returns the outputs that the files name, all when there are none, and the files that are no output.
func selectOutputs(all []templates.Output, files []string) (chosen []templates.Output, unknown []string) {
	if len(files) == 0 {
		return all, nil
	}
	for _, file := range files {
		at := slices.IndexFunc(all, func(o templates.Output) bool { return o.Path == file })
		if at < 0 {
			unknown = append(unknown, file)
			continue
		}
		chosen = append(chosen, all[at])
	}
	slices.SortFunc(chosen, func(a, b templates.Output) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(chosen, func(a, b templates.Output) bool { return a.Path == b.Path }), unknown
}

// start has an edit generate outputs of a service that were never written. What they depend on is not known before they
// are rendered: when the edit changes nothing of it, they are left alone. They begin together, for a server does not work
// with half of its files. On a new host keys are set one after the other; that files cannot be made before the last one
// is not the fault of the first.
func (p *Plan) start(service string, fresh []templates.Output) error {
	affected := false
	for _, o := range fresh {
		_, used, err := p.Set.Render(o, p.world(p.View))
		touched := p.affects(uses(o, used))
		affected = affected || touched
		if err == nil {
			continue
		}
		if _, _, before := p.Set.Render(o, p.world(p.Old)); before == nil {
			return err
		}
		if touched {
			p.warn("the files of %s are not generated yet: %v", service, err)
		}
		return nil
	}
	if !affected {
		return nil
	}
	for _, o := range fresh {
		if err := p.render(o); err != nil {
			return err
		}
	}
	return nil
}

// removeVanished takes away the files that no template makes any more.
func (p *Plan) removeVanished(all []templates.Output) error {
	for _, path := range slices.Sorted(maps.Keys(p.State.Outputs)) {
		rec := p.State.Outputs[path]
		made := func(o templates.Output) bool { return o.Path == path }
		if slices.ContainsFunc(all, made) || !p.Enabled(p.View, rec.Service) {
			continue
		}
		if err := p.remove(templates.Output{Path: path, Service: rec.Service}, rec); err != nil {
			return err
		}
	}
	return nil
}

// Enabled reports whether the outputs of a service are generated (mailreg/service/NAME). What belongs to no service that
// can be installed always is.
func (p *Plan) Enabled(v *settings.View, service string) bool {
	switch v.String("mailreg/service/" + service) {
	case "yes":
		return true
	case "no":
		return false
	}
	s := p.service(service)
	// A scratch root gets all files, whatever is installed on the machine that renders them.
	return s == nil || p.Root != "/" || s.Installed()
}

// wanted reports whether an output is generated with these settings.
func (p *Plan) wanted(v *settings.View, o templates.Output) bool {
	return p.Enabled(v, o.Service) && p.applies(v, o)
}

// chooser is a service that knows whether it is the one that "auto" means.
type chooser interface{ Chosen() bool }

// applies reports whether the condition of an output holds (templates.Output).
func (p *Plan) applies(v *settings.View, o templates.Output) bool {
	key, word := o.Condition()
	switch {
	case key == "":
		return true
	case word == "":
		return v.Bool(key)
	case v.String(key) == "auto":
		s, ok := p.service(o.Service).(chooser)
		return ok && s.Chosen()
	default:
		return v.String(key) == word
	}
}

// uses adds what decides whether an output exists at all to what its rendering has looked at.
func uses(o templates.Output, u templates.Uses) state.Uses {
	u.Keys = append(slices.Clone(u.Keys), "mailreg/service/"+o.Service)
	if key, _ := o.Condition(); key != "" {
		u.Keys = append(u.Keys, key)
	}
	slices.Sort(u.Keys)
	u.Keys = slices.Compact(u.Keys)
	return state.UsesOf(u)
}

// affects reports whether anything in u has another value after the edit. Values are compared, not edited keys: a default
// that refers to another key changes with it, and a hidden edit changes nothing.
func (p *Plan) affects(u state.Uses) bool {
	if p.differing == nil {
		p.compare()
	}
	if p.thorough && slices.ContainsFunc(u.Keys.All(), p.differs) {
		return true
	}
	prefixes := u.Prefixes.All()
	return slices.ContainsFunc(p.differing, func(key string) bool {
		return u.Keys.Has(key) || slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
}

// compare finds the keys whose merged values the edit has changed. Those to which a pattern gives a default that refers to
// another key cannot be listed, nor those that other declarations give one: then what outputs have read is compared one by
// one.
func (p *Plan) compare() {
	referring := p.View.Referring()
	keys := slices.Concat(p.Edited, referring)
	if p.Redeclared {
		keys = slices.Concat(p.Old.Keys(""), p.View.Keys(""))
	}
	p.thorough = p.Redeclared || slices.ContainsFunc(referring, func(key string) bool { return strings.Contains(key, ".*") })
	p.differing = []string{}
	for _, key := range keys {
		if p.differs(key) {
			p.differing = append(p.differing, key)
		}
	}
}

func (p *Plan) differs(key string) bool {
	before, had := p.Old.Get(key)
	after, has := p.View.Get(key)
	return before != after || had != has
}

// service finds a server once: finding it looks at the disk.
func (p *Plan) service(name string) Service {
	s, known := p.services[name]
	if !known {
		if p.services == nil {
			p.services = map[string]Service{}
		}
		s = p.Service(name)
		p.services[name] = s
	}
	return s
}
