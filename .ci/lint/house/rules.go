package main

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// rules is the content of rules.txt, verb by verb.
type rules struct {
	alone, private, names []string
	never, only, without  map[string][]string
	limits                map[string]int
	aims                  []string
}

// readRules reads a rules file; an unknown verb is an error, so that a typing slip cannot switch a rule off.
func readRules(file string) (rules, error) {
	r := rules{
		never: map[string][]string{}, only: map[string][]string{}, without: map[string][]string{},
		limits: map[string]int{},
	}
	f, err := os.Open(file)
	if err != nil {
		return r, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if err := r.add(verb, rest); err != nil {
			return r, fmt.Errorf("%s:%d: %w", file, number, err)
		}
	}
	return r, lines.Err()
}

func (r *rules) add(verb, rest string) error {
	subject, objects, _ := strings.Cut(rest, ":")
	switch verb {
	case "alone":
		r.alone = append(r.alone, strings.Fields(rest)...)
	case "private":
		r.private = append(r.private, strings.Fields(rest)...)
	case "name":
		r.names = append(r.names, strings.Fields(rest)...)
	case "never":
		r.never[subject] = strings.Fields(objects)
	case "only":
		r.only[subject] = strings.Fields(objects)
	case "without":
		r.without[subject] = strings.Fields(objects)
	case "limit":
		what, number, _ := strings.Cut(rest, " ")
		most, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		r.limits[what] = most
	case "aim":
		r.aims = append(r.aims, rest)
	default:
		return fmt.Errorf("unknown rule %q", verb)
	}
	return nil
}

// below reports whether a folder or import path is one of the given ones or lies below one.
func below(name string, tops ...string) bool {
	return slices.ContainsFunc(tops, func(top string) bool {
		return name == top || strings.HasPrefix(name, top+"/")
	})
}

// checkImport returns what a file in folder may not import; "" when it may. ours is set when name is a folder of ours.
func (r rules) checkImport(folder, name string, ours, test bool) string {
	if ours {
		for _, room := range r.private {
			if below(name, room) && !below(folder, room) {
				return fmt.Sprintf("nobody outside imports %s", room)
			}
		}
		for subject, objects := range r.never {
			if below(folder, subject) && below(name, objects...) {
				return fmt.Sprintf("%s never imports %s", subject, name)
			}
		}
		if test {
			return ""
		}
		for _, top := range r.alone {
			if below(folder, top) && !below(name, top) {
				return fmt.Sprintf("%s imports nothing of ours", top)
			}
		}
		return ""
	}
	for library, folders := range r.only {
		if !test && below(name, library) && !below(folder, folders...) {
			return fmt.Sprintf("%s belongs in %s only", library, strings.Join(folders, ", "))
		}
	}
	return ""
}

// checkReach returns what each folder under a "without" rule reaches through others although it must not.
func (r rules) checkReach(t *tree) []string {
	var broken []string
	for folder, libraries := range r.without {
		for _, chain := range t.chains(folder) {
			if below(chain[len(chain)-1], libraries...) {
				broken = append(broken, fmt.Sprintf("%s must do without %s", strings.Join(chain, " -> "), path.Base(chain[len(chain)-1])))
			}
		}
	}
	return broken
}
