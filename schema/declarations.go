package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run ./gen -out declarations_gen.go registry

// ParseDeclarations reads a declaration file: one INI section per variable, named by its key. name appears in errors.
// Options are those of Declaration by name, with Description[en] and Description[de]; booleans are yes or no; Enum is
// separated by commas, Generate a number. Empty lines and those that begin with # or ; do not count. An unknown option is
// an error. The sample:
//
//	[mail/messagesizelimit]
//	Type = uint
//	Default = 10240000
//	Category = postfix
//	Description[en] = Largest message in bytes; 0 means no limit.
//	Description[de] = Größte Nachricht in Bytes; 0 heißt unbegrenzt.
//
// It is a few lines of our own rather than package ini, for it stands before every command: they read thousands of lines in
// a millisecond, and what they return shares the memory of the text.
func ParseDeclarations(name string, data []byte) ([]Declaration, error) {
	text := strings.TrimPrefix(string(data), "\ufeff") // some editors mark a file as UTF-8
	all := make([]Declaration, 0, strings.Count(text, "\n["))
	refuse := func(n int, err error) error { return fmt.Errorf("reading declarations %s:%d: %w", name, n, err) }
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if key, ok := section(line); ok {
			all = append(all, Declaration{Key: key})
			continue
		}
		if line[0] == '[' {
			return nil, refuse(n, fmt.Errorf("unclosed section: %s", line))
		}
		if len(all) == 0 {
			return nil, refuse(n, fmt.Errorf("%q stands before the first variable", line))
		}
		d := &all[len(all)-1]
		option, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, refuse(n, fmt.Errorf("[%s]: %q is neither [VARIABLE] nor OPTION = VALUE", d.Key, line))
		}
		if err := d.option(strings.TrimSpace(option), strings.TrimSpace(value)); err != nil {
			return nil, refuse(n, fmt.Errorf("[%s]: %w", d.Key, err))
		}
	}
	all = sorted(all)
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, refuse(LineOf(data, all[i].Key), fmt.Errorf("[%s]: %w", all[i].Key, err))
		}
		if i > 0 && all[i].Key == all[i-1].Key {
			return nil, refuse(LineOf(data, all[i].Key), fmt.Errorf("[%s] is there twice", all[i].Key))
		}
	}
	return all, nil
}

// LineOf returns the number of the last line on which a declaration file declares a key, for errors about what it says; 1
// when there is none.
func LineOf(data []byte, key string) int {
	found, number := 1, 0
	for line := range strings.Lines(string(data)) {
		number++
		if name, ok := section(strings.TrimSpace(line)); ok && name == key {
			found = number
		}
	}
	return found
}

// sorted returns declarations sorted by key. They are too large to be moved about by sorting.
func sorted(all []Declaration) []Declaration {
	byKey := func(a, b Declaration) int { return strings.Compare(a.Key, b.Key) }
	if slices.IsSortedFunc(all, byKey) {
		return all
	}
	order := make([]*Declaration, len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortFunc(order, func(a, b *Declaration) int { return strings.Compare(a.Key, b.Key) })
	moved := make([]Declaration, len(all))
	for i, d := range order {
		moved[i] = *d
	}
	return moved
}

// section returns the key between brackets.
func section(line string) (key string, ok bool) {
	key, open := strings.CutPrefix(line, "[")
	key, closed := strings.CutSuffix(key, "]")
	return key, open && closed && key != ""
}

// check reports what does not fit together.
func (d *Declaration) check() error {
	switch {
	case d.Type == "":
		return errors.New("no Type")
	case d.Generate > 0 && (!d.Secret || d.HasDefault || strings.Contains(d.Key, ".*")):
		return errors.New("only one secret without a Default can be generated")
	}
	return nil
}

func (d *Declaration) option(name, value string) error {
	if text := d.text(name); text != nil {
		*text = value
		return nil
	}
	if flag := d.flag(name); flag != nil {
		if value != "yes" && value != "no" {
			return fmt.Errorf("%s must be yes or no, not %q", name, value)
		}
		*flag = value == "yes"
		return nil
	}
	switch name {
	case "Generate":
		n, err := strconv.Atoi(value)
		if err != nil || n < 16 || n > 128 {
			return fmt.Errorf("%s must be a number of 16 to 128 characters, not %q", name, value)
		}
		d.Generate = n
	case "Default":
		d.Default, d.HasDefault = value, true
	case "Enum":
		for word := range strings.SplitSeq(value, ",") {
			d.Enum = append(d.Enum, strings.TrimSpace(word))
		}
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}

// text returns the option of that name that holds text, nil when it is none.
func (d *Declaration) text(name string) *string {
	switch name {
	case "Type":
		return &d.Type
	case "Element":
		return &d.Element
	case "Separator":
		return &d.Separator
	case "Regex":
		return &d.Regex
	case "Min":
		return &d.Min
	case "Max":
		return &d.Max
	case "Category":
		return &d.Category
	case "Service":
		return &d.Service
	case "Action":
		return &d.Action
	case "Unread":
		return &d.Unread
	case "Description[en]":
		return &d.DescriptionEN
	case "Description[de]":
		return &d.DescriptionDE
	}
	return nil
}

// flag returns the option of that name that is yes or no, nil when it is none.
func (d *Declaration) flag(name string) *bool {
	switch name {
	case "Secret":
		return &d.Secret
	case "Local":
		return &d.Local
	case "ReadOnly":
		return &d.ReadOnly
	case "Expand":
		return &d.Expand
	}
	return nil
}
