package quota

import (
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/mailreg/mailreg/schema"
)

// Plan returns the megabytes that policies give, by each name under which Dovecot may ask about a user: those of the users of
// a host, named in full and in lower case, whose own entries say nothing. 0 is no limit.
func Plan(entries iter.Seq[*schema.Entry], host string) map[string]int64 {
	policies := schema.NewQuotaPolicies(entries)
	quotas, others := map[string]int64{}, map[string]int64{}
	if policies.None() {
		return quotas
	}
	for e := range entries {
		if !schema.IsMailbox(e) || e.First(schema.AttrUserQuota) != "" {
			continue
		}
		m, err := schema.ParseMailbox(e)
		if err != nil || m.HomeServer != "" && m.HomeServer != host {
			continue
		}
		megabytes, found := policies.Of(e)
		if !found {
			continue
		}
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

// Changed returns the names whose quota differs, sorted.
func Changed(before, after map[string]int64) (names []string) {
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
	slices.Sort(names)
	return names
}
