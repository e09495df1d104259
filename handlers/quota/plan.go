package quota

import (
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/schema"
)

// Plan returns the megabytes that policies give, by each name under which Dovecot may ask about a user: those of the users of
// a host, named in full and in lower case, whose own entries say nothing. 0 is no limit.
func Plan(entries iter.Seq[*schema.Entry], host string) map[string]int64 {
	quotas, others := map[string]int64{}, map[string]int64{}
	for m, megabytes := range granted(entries, mailbox.Homes{Host: host}) {
		if plain(m.Primary.String()) {
			quotas[m.Primary.String()] = megabytes
		}
		for _, name := range append(m.Aliases, m.Login) {
			if plain(name) {
				others[name] = megabytes
			}
		}
	}
	for name, megabytes := range others { // no one's alias stands before another's primary address
		if _, taken := quotas[name]; !taken {
			quotas[name] = megabytes
		}
	}
	return quotas
}

// Owners is Plan for Cyrus, by the owners of stores.
func Owners(entries iter.Seq[*schema.Entry], homes mailbox.Homes) map[schema.UUID]int64 {
	quotas := map[schema.UUID]int64{}
	for m, megabytes := range granted(entries, homes) {
		quotas[m.UUID] = megabytes
	}
	return quotas
}

// granted yields the users of a host whose own entries say nothing, with the megabytes that policies give them.
func granted(entries iter.Seq[*schema.Entry], homes mailbox.Homes) iter.Seq2[schema.Mailbox, int64] {
	policies := schema.NewQuotaPolicies(entries)
	return func(yield func(schema.Mailbox, int64) bool) {
		if policies.None() {
			return
		}
		for e := range entries {
			if !schema.IsMailbox(e) || e.First(schema.AttrUserQuota) != "" {
				continue
			}
			m, err := schema.ParseMailbox(e)
			if err != nil || !homes.Here(&m) {
				continue
			}
			if megabytes, found := policies.Of(e); found && !yield(m, megabytes) {
				return
			}
		}
	}
}

// plain reports whether a name is itself in a line of a passwd-file.
func plain(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c == ':' || c == '#' || c == 0x7f {
			return false
		}
	}
	return name != ""
}

// Lines returns the table of Dovecot for quotas, sorted.
func Lines(quotas map[string]int64) []string {
	lines := make([]string, 0, len(quotas))
	for _, name := range slices.Sorted(maps.Keys(quotas)) {
		lines = append(lines, name+":::::::userdb_mailreg_quota="+strconv.FormatInt(quotas[name], 10))
	}
	return lines
}

// Changed returns the users whose quota differs, in any order.
func Changed[K comparable](before, after map[K]int64) (names []K) {
	for name, megabytes := range after {
		if was, had := before[name]; !had || was != megabytes {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, has := after[name]; !has {
			names = append(names, name)
		}
	}
	return names
}
