package templates

import (
	"fmt"
	"path"
	"path/filepath"
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
// Template names a template, or a folder whose templates are joined in numeric order; with a slash at the end the folder
// may be empty, and the file is not made before somebody has put a part there. Mode is 0644 when missing; Owner, Group,
// Table and When are as in Output. An unknown option is an error. A section that has nothing but Part says that a template
// in the folder of another manifest's file belongs to this one:
//
//	[/etc/postfix/main.cf]
//	Part = postfix/main.cf/70-site
func (s *Set) addManifest(name string, file source) error {
	where := name
	if file.local {
		where = filepath.Join(s.dir, name)
	}
	manifest := strings.TrimSuffix(name, ".ini")
	sections, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, KeyValueDelimiters: "=", AllowNonUniqueSections: true,
	}, []byte(file.text))
	if err != nil {
		return fmt.Errorf("reading manifest %s: %w", where, err)
	}
	off := slices.Contains(s.off, manifest) // its files may be wrong, but which parts are its own must be known
	for _, section := range sections.Sections() {
		if section.Name() == ini.DefaultSection && len(section.Keys()) == 0 {
			continue
		}
		o, option, err := s.output(section)
		line := lineOf(file.text, section.Name(), option)
		if err != nil && off {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading manifest %s:%d: [%s]: %w", where, line, section.Name(), err)
		}
		o.Manifest = manifest
		if name := section.Key("Part").Value(); name != "" {
			s.added = append(s.added, part{manifest: manifest, file: o.Path, template: name, line: line, off: off})
		} else if !off {
			s.outputs = append(s.outputs, o)
		}
	}
	return nil
}

// lineOf returns the number of the line on which an option of a section stands, that of the section's header without one.
// It is for errors: what it does not find, it looks for in the last place that it knows.
func lineOf(text, section, option string) int {
	found, here, number := 0, section == ini.DefaultSection, 0
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
	return max(found, 1)
}

// output reads a section; with an error it names the option at fault, if it is one.
func (s *Set) output(section *ini.Section) (o Output, fault string, err error) {
	o = Output{Path: section.Name(), Mode: 0o644}
	if !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || o.Path == "/" {
		return Output{}, "", fmt.Errorf("not the path of a file")
	}
	for _, option := range section.Keys() {
		if err := s.option(&o, option.Name(), option.Value()); err != nil {
			return Output{}, option.Name(), err
		}
	}
	switch {
	case section.HasKey("Part") && len(section.Keys()) > 1:
		return Output{}, "Part", fmt.Errorf("a section with Part has nothing else: another manifest declares the file")
	case section.HasKey("Part"):
		return o, "Part", nil
	case o.Service == "":
		return Output{}, "", fmt.Errorf("no Service")
	case o.Format == "":
		return Output{}, "", fmt.Errorf("no Format")
	case o.Template == "":
		return Output{}, "", fmt.Errorf("no Template")
	}
	return o, "", nil
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
		o.Template, o.Parts = value, s.parts(value)
		if len(o.Parts) == 0 && !strings.HasSuffix(value, "/") {
			return fmt.Errorf("no template %q", value)
		}
	case name == "Part":
		if s.templates.Lookup(value) == nil {
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
