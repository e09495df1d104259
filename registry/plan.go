package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/mailreg/mailreg/templates"
)

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

// differ reports whether anything in u has another value in b than in a.
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

// actionKeys returns a hash of the value of each key whose declaration names a service action.
func actionKeys(v *View) map[string]string {
	keys := map[string]string{}
	for _, pair := range v.Pairs() {
		if d, _ := v.Declaration(pair.Key); d.Service != "" {
			sum := sha256.Sum256([]byte(pair.Value))
			keys[pair.Key] = hex.EncodeToString(sum[:8])
		}
	}
	return keys
}

// keyActions adds the actions of the keys that differ between two results of actionKeys.
func keyActions(actions map[string]string, v *View, before, after map[string]string) {
	for key := range maps.Keys(before) {
		if d, _ := v.Declaration(key); before[key] != after[key] && d.Service != "" {
			addAction(actions, d.Service, d.Action)
		}
	}
	for key := range maps.Keys(after) {
		if d, _ := v.Declaration(key); before[key] != after[key] {
			addAction(actions, d.Service, d.Action)
		}
	}
}

// addAction notes an action; the one that does more wins.
func addAction(actions map[string]string, service, action string) {
	weight := map[string]int{"": 0, "reload": 1, "restart": 2, "start": 3}
	if action = cmp.Or(action, "reload"); weight[action] > weight[actions[service]] {
		actions[service] = action
	}
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
