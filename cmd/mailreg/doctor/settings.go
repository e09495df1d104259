package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/crosscheck"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// layers reports what keeps the settings from being read.
func layers(s *Snapshot) []Finding {
	var found []Finding
	for _, err := range s.Status.Broken {
		found = append(found, problem("mend the file, or restore it from a backup; whoever runs keeps the last good settings", "%v", err))
	}
	for _, err := range s.Status.Unseen {
		found = append(found, warning("run doctor as root", "not looked at: %v", err))
	}
	return found
}

// necessary are the variables without which nothing works.
func necessary(s *Snapshot) []Finding {
	var found []Finding
	for _, key := range []string{"hostname", "domainname", "ldap/base"} {
		if s.View.String(key) == "" {
			found = append(found, problem("mailreg set "+key+"=VALUE", "%s is not set", key))
		}
	}
	if s.View.String("ldap/uri") == "" && s.View.String("ldap/server/name") == "" {
		found = append(found, problem("mailreg set ldap/server/name=HOST", "neither ldap/server/name nor ldap/uri is set: the directory is not known"))
	}
	return found
}

// values reports what --ignore-check or an editor has let through.
func values(s *Snapshot) []Finding {
	var found []Finding
	for layer := registry.Normal; layer <= registry.Forced; layer++ {
		held := s.View.In(layer)
		for _, key := range slices.Sorted(maps.Keys(held)) {
			d, declared := s.View.Declaration(key)
			if !declared {
				continue
			}
			if err := value.Check(d, held[key]); err != nil {
				found = append(found, problem("mailreg info "+key, "%s in layer %s %v", key, layer, err))
			}
		}
	}
	return found
}

// conflicts reports variables that are right one by one and wrong together.
func conflicts(s *Snapshot) []Finding {
	var found []Finding
	for _, c := range crosscheck.All(s.View) {
		f := problem("mailreg info "+strings.Join(c.Keys, " "), "%s", c.Text)
		if c.Works {
			f.Level = Warning
		}
		found = append(found, f)
	}
	return found
}

// most is how many names one finding lists.
const most = 5

// names reports variables that are likely misspelt; those that merely nobody declares are counted, for own templates may
// read them.
func names(s *Snapshot) []Finding {
	var found []Finding
	var unknown []string
	declarations := s.View.Declarations()
	for layer := registry.Normal; layer <= registry.Forced; layer++ {
		for _, key := range slices.Sorted(maps.Keys(s.View.In(layer))) {
			if _, declared := s.View.Declaration(key); declared || slices.Contains(unknown, key) {
				continue
			}
			unknown = append(unknown, key)
			if near := nearest(key, declarations); near != "" {
				found = append(found, warning(fmt.Sprintf("mailreg unset --layer %s %s, and set the other one", layer, key),
					"%s is set in layer %s, but not declared; did you mean %s?", key, layer, near))
			}
		}
	}
	if rest := len(unknown) - len(found); rest > 0 {
		found = append(found, fine("%d variables are set that are not declared, such as %s; own templates may read them", rest, unknown[0]))
	}
	return found
}

// nearest returns the declared key that differs from a key in one or two characters, "" when none does.
func nearest(key string, declarations []schema.Declaration) string {
	const limit = 2
	best, least := "", limit+1
	for _, d := range declarations {
		if strings.Contains(d.Key, ".*") || len(d.Key)-len(key) > limit || len(key)-len(d.Key) > limit {
			continue
		}
		if n := distance(key, d.Key, least-1); n < least {
			best, least = d.Key, n
		}
	}
	return best
}

// distance returns how many characters must be put in, left out, replaced or swapped with their neighbour to get from a to
// b, and more than limit when that is more than limit (optimal string alignment). Keys are compared byte by byte.
func distance(a, b string, limit int) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1 // it only grows from here
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// localKeys reports what a directory policy tries in vain.
func localKeys(s *Snapshot) []Finding {
	var found []Finding
	for _, key := range slices.Sorted(maps.Keys(s.View.In(registry.LDAP))) {
		if s.View.Local(key) {
			found = append(found, warning("take it out of the policy, or set it on this host",
				"%s is local to this host: its value in layer ldap is ignored", key))
		}
	}
	return found
}
