package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

//go:generate go run ./gen -out declarations_gen.go registry

// ParseDeclarations reads a declaration file: one INI section per variable, named by its key. name appears in errors.
// Options are those of Declaration by name, with Description[en] and Description[de]; booleans are yes or no; Enum is
// separated by commas, Generate a number. An unknown option is an error. The sample:
//
//	[mail/messagesizelimit]
//	Type = uint
//	Default = 10240000
//	Category = postfix
//	Description[en] = Largest message in bytes; 0 means no limit.
//	Description[de] = Größte Nachricht in Bytes; 0 heißt unbegrenzt.
func ParseDeclarations(name string, data []byte) ([]Declaration, error) {
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment:     true,
		PreserveSurroundedQuote: true,
		KeyValueDelimiters:      "=",
		IgnoreContinuation:      true,
		AllowNonUniqueSections:  true, // so that a variable that is declared twice is seen
	}, data)
	if err != nil {
		return nil, fmt.Errorf("reading declarations %s: %w", name, err)
	}
	var all []Declaration
	for _, section := range file.Sections() {
		if section.Name() == ini.DefaultSection {
			if len(section.Keys()) > 0 {
				return nil, fmt.Errorf("reading declarations %s: option %s stands before the first variable", name, section.Keys()[0].Name())
			}
			continue
		}
		d, option, err := declaration(section)
		if err != nil {
			return nil, fmt.Errorf("reading declarations %s:%d: [%s]: %w", name, lineOf(string(data), d.Key, option), d.Key, err)
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Declaration) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(all); i++ {
		if all[i].Key == all[i-1].Key {
			return nil, fmt.Errorf("reading declarations %s:%d: [%s] is there twice", name, lineOf(string(data), all[i].Key, ""), all[i].Key)
		}
	}
	return all, nil
}

// declaration reads a section; with an error it names the option at fault, if it is one.
func declaration(section *ini.Section) (d Declaration, fault string, err error) {
	d.Key = section.Name()
	for _, option := range section.Keys() {
		if err := d.option(option.Name(), option.Value()); err != nil {
			return d, option.Name(), err
		}
	}
	switch {
	case d.Type == "":
		return d, "", fmt.Errorf("no Type")
	case d.Generate > 0 && (!d.Secret || d.HasDefault || strings.Contains(d.Key, ".*")):
		return d, "Generate", fmt.Errorf("only one secret without a Default can be generated")
	}
	return d, "", nil
}

// LineOf returns the number of the line on which a declaration file declares a key, for errors about what it says.
func LineOf(data []byte, key string) int { return lineOf(string(data), key, "") }

// lineOf returns the number of the line on which an option of a section stands, that of the section's last header without
// one. It is for errors only.
func lineOf(text, section, option string) int {
	found, here, number := 1, false, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "["):
			if here = line == "["+section+"]"; here {
				found = number
			}
		case here && option != "" && strings.TrimSpace(name) == option:
			return number
		}
	}
	return found
}

func (d *Declaration) option(name, value string) error {
	texts := map[string]*string{
		"Type": &d.Type, "Element": &d.Element, "Separator": &d.Separator, "Regex": &d.Regex, "Min": &d.Min,
		"Max": &d.Max, "Category": &d.Category, "Service": &d.Service, "Action": &d.Action, "Unread": &d.Unread,
		"Description[en]": &d.DescriptionEN, "Description[de]": &d.DescriptionDE,
	}
	flags := map[string]*bool{"Secret": &d.Secret, "Local": &d.Local, "ReadOnly": &d.ReadOnly, "Expand": &d.Expand}
	switch {
	case texts[name] != nil:
		*texts[name] = value
	case flags[name] != nil && (value == "yes" || value == "no"):
		*flags[name] = value == "yes"
	case flags[name] != nil:
		return fmt.Errorf("%s must be yes or no, not %q", name, value)
	case name == "Generate":
		n, err := strconv.Atoi(value)
		if err != nil || n < 16 || n > 128 {
			return fmt.Errorf("%s must be a number of 16 to 128 characters, not %q", name, value)
		}
		d.Generate = n
	case name == "Default":
		d.Default, d.HasDefault = value, true
	case name == "Enum":
		for word := range strings.SplitSeq(value, ",") {
			d.Enum = append(d.Enum, strings.TrimSpace(word))
		}
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}
