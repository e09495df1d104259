package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/schema/filter"
)

// Plan is what the policies say about a host.
type Plan struct {
	// Any says that there is a policy, whether it is for this host or not.
	Any bool
	// Missing are the levels that the directory does not show. What they assign is not known, so nothing else is planned.
	Missing []schema.DN
	// Values are the values by key, Undecided the keys whose value cannot be told, so that it is left as it is.
	Values    map[string]string
	Undecided map[string]bool
	// Sources are the policies that decided about each key of Values.
	Sources map[string]schema.Policy
	// Faults are what is wrong with policies that are for this host.
	Faults []Fault
}

// Fault is what is wrong with a policy.
type Fault struct {
	// Policy and DN identify it.
	Policy schema.UUID
	DN     string
	// Text names the key, if it is about one, and the reason.
	Text string
	// Harmless is set when nothing is to be mended for this host: the value is merely ignored.
	Harmless bool
}

// faultOf words a fault.
func faultOf(p schema.Policy, format string, args ...any) Fault {
	return Fault{Policy: p.UUID, DN: p.DN, Text: fmt.Sprintf(format, args...)}
}

// choice is what has been decided about one key so far.
type choice struct {
	policy    schema.Policy
	value     string
	set       bool // else the key has no value
	fixed     bool
	undecided bool
	level     int
}

// Make returns the plan of a host whose policies are assigned at levels, nearest first. entries are all policies and
// levels in any order; others are passed over.
func Make(levels []schema.DN, entries []*schema.Entry) Plan {
	policies, assigned := index(entries)
	plan := Plan{
		Any: len(policies) > 0, Values: map[string]string{}, Undecided: map[string]bool{}, Sources: map[string]schema.Policy{},
	}
	for _, level := range levels {
		if assigned[level.String()] == nil {
			plan.Missing = append(plan.Missing, level)
		}
	}
	if len(levels) == 0 || len(plan.Missing) > 0 {
		return plan
	}
	chosen := map[string]choice{}
	for i, level := range levels {
		for _, name := range references(assigned[level.String()]) {
			if p, ok := policies[name]; ok {
				plan.consider(p, assigned[levels[0].String()], i, chosen)
			}
		}
	}
	for key, c := range chosen {
		switch {
		case c.undecided:
			plan.Undecided[key] = true
		case c.set:
			plan.Values[key], plan.Sources[key] = c.value, c.policy
		}
	}
	return plan
}

// index returns the policies, and all entries, by DN. Two can have one DN when a folder above the older was renamed, of
// which the provider tells nothing; the younger one is really called so.
func index(entries []*schema.Entry) (map[string]schema.Policy, map[string]*schema.Entry) {
	policies, all := map[string]schema.Policy{}, map[string]*schema.Entry{}
	for _, e := range slices.SortedFunc(slices.Values(entries), older) {
		dn, err := schema.ParseDN(e.DN)
		if err != nil {
			continue // nothing can refer to it
		}
		all[dn.String()] = e
		if delete(policies, dn.String()); schema.IsPolicy(e) {
			policies[dn.String()] = schema.ParsePolicy(e)
		}
	}
	return policies, all
}

func older(a, b *schema.Entry) int {
	return cmp.Or(cmp.Compare(a.First("createTimestamp"), b.First("createTimestamp")), a.UUID.Compare(b.UUID))
}

// references returns the policies that an entry refers to, each once, in the order in which they count.
func references(e *schema.Entry) []string {
	if e == nil {
		return nil
	}
	names := map[string]bool{}
	for _, value := range e.Values(schema.AttrPolicyReference) {
		if dn, err := schema.ParseDN(value); err == nil {
			names[dn.String()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// consider lets a policy have its say. As in the peer, what is nearer has decided already, and only what is fixed farther
// away replaces it.
func (plan *Plan) consider(p schema.Policy, host *schema.Entry, level int, chosen map[string]choice) {
	applies, reason := applies(p, host)
	if applies == no {
		return
	}
	choose := func(key string, c choice) {
		c.policy, c.level, c.fixed = p, level, slices.Contains(p.Fixed, key)
		c.undecided = c.undecided || applies == unknown || slices.Contains(p.Unclear, key)
		was, taken := chosen[key]
		own := taken && was.policy.UUID == p.UUID && was.level == level
		if !taken || c.fixed && (own || !was.fixed || was.level != level) {
			chosen[key] = c
		}
	}
	for _, key := range p.Empty {
		choose(key, choice{})
	}
	for key, value := range p.Values {
		choose(key, choice{value: value, set: true})
	}
	if applies == unknown {
		plan.Faults = append(plan.Faults, faultOf(p, "it is not known whether it is for this host: %s", reason))
	}
	for _, key := range p.Unclear {
		plan.Faults = append(plan.Faults, faultOf(p, "%s has several values", key))
	}
	for _, text := range p.Faults {
		plan.Faults = append(plan.Faults, faultOf(p, "%s", text))
	}
}

// applies tells whether a policy is for a host, and why that is not known.
func applies(p schema.Policy, host *schema.Entry) (truth, string) {
	if len(p.Required) == 0 && len(p.Prohibited) == 0 && p.Filter == "" {
		return yes, ""
	}
	for _, class := range p.Required {
		if !host.HasClass(class) {
			return no, ""
		}
	}
	if slices.ContainsFunc(p.Prohibited, host.HasClass) {
		return no, ""
	}
	if p.Filter == "" {
		return yes, ""
	}
	matches, err := match(p.Filter, host)
	if err != nil {
		return unknown, fmt.Sprintf("%s %s: %v", schema.AttrPolicyFilter, strings.TrimSpace(p.Filter), err)
	}
	return matches, ""
}

// truth is the outcome of a condition.
type truth int

const (
	no truth = iota
	yes
	unknown
)

// match reports whether an entry matches an LDAP filter. Only what the replica knows of an entry can be asked for: a filter
// about another attribute is an error.
func match(text string, e *schema.Entry) (truth, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return unknown, err
	}
	for _, name := range f.Attributes() {
		if !slices.ContainsFunc(schema.Attributes(), func(known string) bool { return strings.EqualFold(known, name) }) {
			return unknown, fmt.Errorf("mailreg does not follow the attribute %s", name)
		}
	}
	if f.Match(e) {
		return yes, nil
	}
	return no, nil
}
