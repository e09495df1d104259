package templates

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

// addManifest reads a manifest: one INI section per generated file, named by its path below the root.
//
//	[/etc/postfix/main.cf]
//	Service  = postfix
//	Format   = postfix-main
//	Template = postfix/main.cf
//	Mode     = 0644
//
// Template names a template, or a folder whose templates are joined in numeric order. Mode is 0644 when missing; Owner,
// Group, Table and When are as in Output. An unknown option is an error.
func (s *Set) addManifest(name, text string) error {
	file, err := ini.LoadSources(ini.LoadOptions{IgnoreInlineComment: true, KeyValueDelimiters: "="}, []byte(text))
	if err != nil {
		return fmt.Errorf("reading manifest %s: %w", name, err)
	}
	for _, section := range file.Sections() {
		if section.Name() == ini.DefaultSection && len(section.Keys()) == 0 {
			continue
		}
		o, err := s.output(section)
		if err != nil {
			return fmt.Errorf("reading manifest %s: [%s]: %w", name, section.Name(), err)
		}
		s.outputs = append(s.outputs, o)
	}
	return nil
}

func (s *Set) output(section *ini.Section) (Output, error) {
	o := Output{Path: section.Name(), Mode: 0o644}
	if !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || o.Path == "/" {
		return Output{}, fmt.Errorf("not the path of a file")
	}
	for _, option := range section.Keys() {
		if err := s.option(&o, option.Name(), option.Value()); err != nil {
			return Output{}, err
		}
	}
	switch {
	case o.Service == "":
		return Output{}, fmt.Errorf("no Service")
	case o.Format == "":
		return Output{}, fmt.Errorf("no Format")
	case len(o.Parts) == 0:
		return Output{}, fmt.Errorf("no Template")
	}
	return o, nil
}

func (s *Set) option(o *Output, name, value string) error {
	texts := map[string]*string{
		"Service": &o.Service, "Owner": &o.Owner, "Group": &o.Group, "Table": &o.Table, "When": &o.When,
	}
	switch {
	case texts[name] != nil:
		*texts[name] = value
	case name == "Format":
		o.Format = value
		if _, ok := formats[value]; !ok {
			return fmt.Errorf("no format %q; there are %s", value, strings.Join(formatNames(), ", "))
		}
	case name == "Template":
		o.Parts = s.parts(value)
		if len(o.Parts) == 0 {
			return fmt.Errorf("no template %q", value)
		}
	case name == "Mode":
		mode, err := strconv.ParseUint(value, 8, 12)
		if err != nil {
			return fmt.Errorf("mode %q is not octal permission bits", value)
		}
		o.Mode = uint32(mode)
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	if name == "Table" && !slices.Contains([]string{"hash", "aliases", "sieve"}, value) {
		return fmt.Errorf("no table type %q; there are hash, aliases, sieve", value)
	}
	return nil
}
