package templates

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	text, err := file.text()
	if err != nil {
		return fmt.Errorf("reading manifest %s: %w", where, err)
	}
	sections, line, err := readSections(text)
	if err != nil {
		return fmt.Errorf("reading manifest %s:%d: %w", where, line, err)
	}
	manifest := strings.TrimSuffix(name, ".ini")
	off := slices.Contains(s.off, manifest) // its files may be wrong, but which parts are its own must be known
	for _, section := range sections {
		o, line, err := s.output(section)
		if err != nil && off {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading manifest %s:%d: [%s]: %w", where, line, section.name, err)
		}
		o.Manifest = manifest
		if at := section.find("Part"); at >= 0 {
			s.added = append(s.added, part{manifest: manifest, file: o.Path, template: section.options[at].value, line: line, off: off})
		} else if !off {
			s.outputs = append(s.outputs, o)
		}
	}
	return nil
}

// section is a part of a manifest: the lines after a name in brackets.
type section struct {
	name    string
	line    int
	options []option
}

type option struct {
	name, value string
	line        int
}

// find returns the index of the option of that name, -1 when there is none.
func (s section) find(name string) int {
	return slices.IndexFunc(s.options, func(o option) bool { return o.name == name })
}

// readSections reads an INI file; with an error it returns the number of the line at fault. Hundreds of outputs are declared
// in a few lines each, and all are read before every change: package ini takes ten times as long.
func readSections(text string) (all []section, line int, err error) {
	text = strings.TrimPrefix(text, "\ufeff") // some editors mark a file as UTF-8
	for text != "" {
		line++
		var this string
		this, text, _ = strings.Cut(text, "\n")
		this = strings.TrimSpace(this)
		name, value, assigns := strings.Cut(this, "=")
		switch {
		case this == "" || this[0] == '#' || this[0] == ';':
		case this[0] == '[' && this[len(this)-1] == ']':
			all = append(all, section{name: this[1 : len(this)-1], line: line})
		case this[0] == '[':
			return nil, line, fmt.Errorf("unclosed section: %s", this)
		case !assigns:
			return nil, line, fmt.Errorf("%q is neither [FILE] nor OPTION = VALUE", this)
		case len(all) == 0:
			return nil, line, fmt.Errorf("option %s stands before the first file", strings.TrimSpace(name))
		default:
			last := &all[len(all)-1]
			last.options = append(last.options, option{strings.TrimSpace(name), strings.TrimSpace(value), line})
		}
	}
	return all, line, nil
}

// output reads a section; it returns the line of the option at fault or, without one, that which says most.
func (s *Set) output(section section) (o Output, line int, err error) {
	o, line = Output{Path: section.name, Mode: 0o644}, section.line
	if !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || o.Path == "/" {
		return Output{}, line, fmt.Errorf("not the path of a file")
	}
	for _, option := range section.options {
		if err := s.option(&o, option.name, option.value); err != nil {
			return Output{}, option.line, err
		}
	}
	at := section.find("Part")
	switch {
	case at >= 0 && len(section.options) > 1:
		return Output{}, section.options[at].line, fmt.Errorf("a section with Part has nothing else: another manifest declares the file")
	case at >= 0:
		return o, section.options[at].line, nil
	case o.Service == "":
		return Output{}, line, fmt.Errorf("no Service")
	case o.Format == "":
		return Output{}, line, fmt.Errorf("no Format")
	case o.Template == "":
		return Output{}, line, fmt.Errorf("no Template")
	}
	return o, line, nil
}

func (s *Set) option(o *Output, name, value string) error {
	switch name {
	case "Service":
		o.Service = value
	case "Owner":
		o.Owner = value
	case "Group":
		o.Group = value
	case "When":
		o.When = value
	case "Table":
		o.Table = value
		if !slices.Contains([]string{"hash", "aliases", "sieve"}, value) {
			return fmt.Errorf("no table type %q; there are hash, aliases, sieve", value)
		}
	case "Format":
		o.Format = value
		if _, ok := formats[value]; !ok {
			return fmt.Errorf("no format %q; there are %s", value, strings.Join(formatNames(), ", "))
		}
	case "Template":
		o.Template, o.Parts = value, s.parts(value)
		if len(o.Parts) == 0 && !strings.HasSuffix(value, "/") {
			return fmt.Errorf("no template %q", value)
		}
	case "Part":
		if _, ok := s.sources[value]; !ok {
			return fmt.Errorf("no template %q", value)
		}
	case "Mode":
		mode, err := strconv.ParseUint(value, 8, 12)
		if err != nil {
			return fmt.Errorf("mode %q is not octal permission bits", value)
		}
		o.Mode = uint32(mode)
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}
