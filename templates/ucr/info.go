package ucr

import (
	"cmp"
	"fmt"
	"strings"
)

// block is one paragraph of an info file: what becomes of one file.
type block struct {
	line   int
	fields map[string][]field
}

type field struct {
	line  int
	value string
}

// parseInfo reads paragraphs of "Field: value" lines. Other lines are passed over, as the peer does.
func parseInfo(text string) []block {
	var all []block
	current := block{}
	number := 0
	for line := range strings.Lines(text + "\n\n") {
		number++
		name, value, ok := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			if current.fields != nil {
				all = append(all, current)
			}
			current = block{}
		case ok:
			if current.fields == nil {
				current = block{line: number, fields: map[string][]field{}}
			}
			name = strings.TrimSpace(name)
			current.fields[name] = append(current.fields[name], field{number, strings.TrimSpace(value)})
		}
	}
	return all
}

// one returns the value of a field that stands for itself, "" without it.
func (b block) one(name string) string {
	if len(b.fields[name]) == 0 {
		return ""
	}
	return b.fields[name][0].value
}

// owned returns the manifest's options for mode and owner. A mode of zero counts as none, as in the peer.
func (b block) owned(executable bool) (string, error) {
	mode := cmp.Or(strings.TrimLeft(b.one("Mode"), "0"), "644")
	if b.one("Mode") == "" && executable {
		mode = "755"
	}
	if strings.Trim(mode, "01234567") != "" || len(mode) > 4 {
		return "", fmt.Errorf("the mode %q is not octal", b.one("Mode"))
	}
	options := "Mode     = 0" + mode + "\n"
	for _, who := range []struct{ field, option string }{{"User", "Owner   "}, {"Group", "Group   "}} {
		if name := b.one(who.field); name != "" && name != "root" && name != "0" {
			options += who.option + " = " + name + "\n"
		}
	}
	return options, nil
}
