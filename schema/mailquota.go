package schema

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Names of the class and attribute of policies that give mail quotas (the names of UCS).
const (
	ClassPolicyQuota = "univentionMailQuota"
	AttrPolicyQuota  = "univentionMailQuotaMB"
)

// quotaDigits is how many digits a quota in megabytes has at most: a petabyte.
const quotaDigits = 9

// ParseQuota returns a quota in megabytes, 0 for none; text that is no number of up to nine digits is ErrInvalid.
func ParseQuota(text string) (int64, error) {
	if len(text) == 0 || len(text) > quotaDigits || strings.Trim(text, "0123456789") != "" {
		return 0, Invalidf("%q is no number of megabytes of up to nine digits", text)
	}
	return strconv.ParseInt(text, 10, 64)
}

// IsQuotaPolicy reports whether the entry is a policy that gives mail quotas.
func IsQuotaPolicy(e *Entry) bool { return e != nil && e.HasClass(ClassPolicyQuota) }

// QuotaPolicies are the policies that give mail quotas, and the entries that assign them to all below.
type QuotaPolicies struct {
	policies map[string]quotaPolicy
	assigned map[string][]string
}

type quotaPolicy struct {
	megabytes            int64
	set, fixed           bool
	required, prohibited []string
}

// NewQuotaPolicies takes from entries what gives quotas: policies, and containers with references to some. Others are passed
// over.
func NewQuotaPolicies(entries iter.Seq[*Entry]) *QuotaPolicies {
	q := &QuotaPolicies{policies: map[string]quotaPolicy{}, assigned: map[string][]string{}}
	for e := range entries {
		dn, err := ParseDN(e.DN)
		switch {
		case err != nil: // nothing can refer to it, and nothing lie below it
		case IsQuotaPolicy(e):
			if p, speaks := parseQuotaPolicy(e); speaks {
				q.policies[dn.String()] = p
			}
		case IsContainer(e):
			if names := policyNames(e); len(names) > 0 {
				q.assigned[dn.String()] = names
			}
		}
	}
	return q
}

// parseQuotaPolicy returns what a policy says, and whether it says anything. One that is for hosts that match a filter is
// for no user.
func parseQuotaPolicy(e *Entry) (p quotaPolicy, speaks bool) {
	names := func(attr string) bool {
		return slices.ContainsFunc(e.Values(attr), func(v string) bool { return strings.EqualFold(v, AttrPolicyQuota) })
	}
	p.required, p.prohibited = e.Values(AttrRequiredClasses), e.Values(AttrProhibitedClasses)
	p.fixed = names(AttrFixed)
	quota, err := ParseQuota(e.First(AttrPolicyQuota))
	p.megabytes, p.set = quota, err == nil
	return p, (p.set || names(AttrEmpty)) && e.First(AttrPolicyFilter) == ""
}

// policyNames returns the DNs of the policies that an entry refers to, in the order in which they count.
func policyNames(e *Entry) (names []string) {
	for _, value := range e.Values(AttrPolicyReference) {
		if dn, err := ParseDN(value); err == nil {
			names = append(names, dn.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// None reports whether there is no policy.
func (q *QuotaPolicies) None() bool { return len(q.policies) == 0 }

// Of returns the megabytes that policies give to a user: those of the nearest policy, at the user or a container above, unless
// one farther away fixes its own, as in the peer. found is false when none says anything. What the user's own attribute says
// stands before it.
func (q *QuotaPolicies) Of(e *Entry) (megabytes int64, found bool) {
	dn, err := ParseDN(e.DN)
	if err != nil || q.None() {
		return 0, false
	}
	var chosen quotaPolicy
	taken, level := false, -1
	for i := range dn {
		names := q.assigned[dn[i:].String()]
		if i == 0 {
			names = policyNames(e)
		}
		for _, name := range names {
			p, ok := q.policies[name]
			if !ok || !p.applies(e) {
				continue
			}
			if !taken || p.fixed && (!chosen.fixed || level != i) {
				chosen, taken, level = p, true, i
			}
		}
	}
	return chosen.megabytes, taken && chosen.set
}

func (p quotaPolicy) applies(e *Entry) bool {
	lacks := func(class string) bool { return !e.HasClass(class) }
	return !slices.ContainsFunc(p.required, lacks) && !slices.ContainsFunc(p.prohibited, e.HasClass)
}
