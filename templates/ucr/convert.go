package ucr

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Imported is the first line of manifests and declarations that come from here: an import may replace those, and no others.
const Imported = "# Imported from a package of the peer by \"mailreg register --from-ucr\"; import it again rather than edit this.\n"

// Host is what the import asks about the host that it is for.
type Host struct {
	// Made are the files that manifests make already, by path below the root.
	Made map[string]Made
	// Declared reports whether mailreg itself declares a variable; nil declares none.
	Declared func(key string) bool
	// Check reports why a section of a declaration file would not be taken; nil takes all.
	Check func(section string) error
}

// Made is a file that a manifest makes already.
type Made struct {
	// Manifest is the manifest's name without ".ini", Template the template or folder that it names.
	Manifest, Template string
	// Joined says that the file is joined from the parts in that folder.
	Joined bool
}

// Module is what one package becomes.
type Module struct {
	// Name is the name of the package, and of its manifest and declarations.
	Name string
	// Files are the texts of all files by path below /etc/mailreg, such as "templates/site.ini".
	Files map[string]string
	// Refused is what cannot be taken over, in the order of files and lines; Files are what is left without it.
	Refused []Finding
	// Notes are remarks for a person about what was taken over in another way, each a clause with its file.
	Notes []string
}

// Finding is something that somebody has to port.
type Finding struct {
	// File is the file in the package, Line the line where it begins.
	File string
	Line int
	// Reason says what it is.
	Reason string
	// Code are its lines, when it is code.
	Code []CodeLine
}

// CodeLine is a line of code with its number in the file.
type CodeLine struct {
	Line int
	Text string
}

// Convert reads the package NAME in a folder, or all packages in it without a name, sorted by name. fsys holds the folder at
// dir; installed packages have their declarations beside it.
func Convert(fsys fs.FS, dir, name string, host Host) ([]Module, error) {
	l, err := look(fsys, dir)
	if err != nil {
		return nil, err
	}
	names := l.names()
	if name != "" {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("there is no package %s in %s; there are: %s", name, dir, strings.Join(names, ", "))
		}
		names = []string{name}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no package in %s: neither debian/NAME.univention-config-registry nor info/NAME.info", dir)
	}
	var all []Module
	for _, name := range names {
		c := converter{layout: l, host: host, manifest: map[string]string{}, Module: Module{Name: name, Files: map[string]string{}}}
		if err := c.run(); err != nil {
			return nil, err
		}
		all = append(all, c.Module)
	}
	return all, nil
}

// converter is the work on one package.
type converter struct {
	Module
	layout layout
	host   Host
	// manifest are the sections of the manifest, by the path and the template that they are about.
	manifest map[string]string
}

func (c *converter) run() error {
	if file := c.layout.info[c.Name]; file != "" {
		text, err := fs.ReadFile(c.layout.fsys, file)
		if err != nil {
			return err
		}
		for _, b := range parseInfo(string(text)) {
			if err := c.block(file, b); err != nil {
				return err
			}
		}
	}
	if len(c.manifest) > 0 {
		sections := slices.Sorted(maps.Keys(c.manifest))
		text := Imported
		for _, section := range sections {
			text += "\n" + c.manifest[section]
		}
		c.Files["templates/"+c.Name+".ini"] = text
	}
	if file := c.layout.variables[c.Name]; file != "" {
		text, err := fs.ReadFile(c.layout.fsys, file)
		if err != nil {
			return err
		}
		declared, notes, err := declarations(file, string(text), c.host)
		if err != nil {
			return err
		}
		c.Notes = append(c.Notes, notes...)
		if declared != "" {
			c.Files["schema.d/"+c.Name+".ini"] = Imported + "\n" + strings.TrimRight(declared, "\n") + "\n"
		}
	}
	slices.SortStableFunc(c.Refused, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return nil
}

func (c *converter) refuse(file string, line int, format string, args ...any) {
	c.Refused = append(c.Refused, Finding{File: file, Line: line, Reason: fmt.Sprintf(format, args...)})
}

// block converts one paragraph of the info file. What is to run at some time makes the whole paragraph a matter for a
// person: a file without what belongs to it may be worse than none.
func (c *converter) block(info string, b block) error {
	runs, err := c.runs(info, b)
	if err != nil || runs {
		return err
	}
	switch typ := b.one("Type"); typ {
	case "file":
		return c.file(info, b)
	case "multifile":
		return c.multifile(info, b)
	case "subfile":
		return c.subfile(info, b)
	default:
		c.refuse(info, b.line, "unknown type %q", typ)
	}
	return nil
}

// runs reports whether a paragraph names code to be executed, and lists it.
func (c *converter) runs(info string, b block) (bool, error) {
	found := false
	for _, kind := range []struct{ field, folder string }{
		{"Module", "modules"}, {"Script", "scripts"}, {"Preinst", "modules"}, {"Postinst", "modules"},
	} {
		for _, f := range b.fields[kind.field] {
			found = true
			if err := c.code(info, f, kind.field, c.layout.locate(kind.folder, f.value)); err != nil {
				return found, err
			}
		}
	}
	// A script with the path of the file is run when it has been written.
	target := cmp.Or(b.one("File"), b.one("Multifile"))
	if twin := c.layout.twin(target); target != "" && twin != "" && b.one("Type") != "subfile" {
		found = true
		if err := c.code(info, field{b.line, target}, "Script", twin); err != nil {
			return found, err
		}
	}
	return found, nil
}

// code lists a program that a field names.
func (c *converter) code(info string, f field, what, file string) error {
	text, err := fs.ReadFile(c.layout.fsys, file)
	if errors.Is(err, fs.ErrNotExist) || !fs.ValidPath(strings.TrimPrefix(f.value, "/")) {
		c.refuse(info, f.line, "%s: %s, which is not in the package", what, f.value)
		return nil
	}
	if err != nil {
		return err
	}
	c.Refused = append(c.Refused,
		Finding{File: info, Line: f.line, Reason: what + ": " + f.value},
		Finding{File: file, Line: 1, Reason: "code to port", Code: codeLines(string(text), 1)})
	return nil
}

// target returns the path below the root that a field names.
func (c *converter) target(info string, b block, name string) (string, bool) {
	value := b.one(name)
	switch {
	case value == "":
		c.refuse(info, b.line, "no %s", name)
	case !fs.ValidPath(strings.TrimPrefix(value, "/")) || strings.Trim(value, pathCharacters) != "":
		c.refuse(info, b.fields[name][0].line, "%s: %q is not the path of a file", name, value)
	default:
		return "/" + strings.TrimPrefix(value, "/"), true
	}
	return "", false
}

// pathCharacters are those that a path has in a manifest and in the name of a template.
const pathCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@:,~-"

// made returns who else makes a file.
func (c *converter) made(file string) (Made, bool) {
	m, there := c.host.Made[file]
	return m, there && m.Manifest != c.Name
}

func (c *converter) file(info string, b block) error {
	file, ok := c.target(info, b, "File")
	if !ok {
		return nil
	}
	if m, others := c.made(file); others {
		c.refuse(info, b.line, "%s is made by the manifest %s already", file, m.Manifest)
		return nil
	}
	template := visible(c.Name + file)
	executable, ok, err := c.template(info, b.fields["File"][0], template)
	if !ok || err != nil {
		return err
	}
	c.output(b, file, template, executable)
	return nil
}

// visible returns the name of a template whose file is not a hidden one, for those are passed over.
func visible(name string) string {
	dir, base := path.Split(name)
	if strings.HasPrefix(base, ".") {
		base = "_" + base
	}
	return dir + base
}

// output adds the section of a file to the manifest.
func (c *converter) output(b block, file, template string, executable bool) {
	owned, err := b.owned(executable)
	if err != nil {
		c.refuse(c.layout.info[c.Name], b.line, "%v", err)
		return
	}
	k := guess(file, c.Name)
	c.manifest[file] = fmt.Sprintf("[%s]\nService  = %s\nFormat   = %s\nTemplate = %s\n%s", file, k.service, k.format, template, owned)
}

// folder is where the parts of a joined file lie that mailreg itself does not make.
func folder(file string) string { return "multifile" + file }

func (c *converter) multifile(info string, b block) error {
	file, ok := c.target(info, b, "Multifile")
	if !ok {
		return nil
	}
	if m, others := c.made(file); others {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: %s is made by the manifest %s, the parts are added to it", info, file, m.Manifest))
		return nil
	}
	c.output(b, file, folder(file)+"/", false)
	return nil
}

func (c *converter) subfile(info string, b block) error {
	file, ok := c.target(info, b, "Multifile")
	source, okToo := c.target(info, b, "Subfile")
	if !ok || !okToo {
		return nil
	}
	into := folder(file)
	if m, others := c.made(file); others && !m.Joined {
		c.refuse(info, b.line, "the manifest %s makes %s from one template, which takes no parts", m.Manifest, file)
		return nil
	} else if others {
		into = strings.TrimSuffix(m.Template, "/")
	}
	template := visible(into + "/" + path.Base(source))
	if _, twice := c.Files["templates/"+template+".tmpl"]; twice {
		c.refuse(info, b.line, "two parts of %s are called %s", file, path.Base(source))
		return nil
	}
	if _, ok, err := c.template(info, b.fields["Subfile"][0], template); !ok || err != nil {
		return err
	}
	c.manifest[file+"\n"+template] = fmt.Sprintf("[%s]\nPart = %s\n", file, template)
	return nil
}

// template converts the template that a field names. ok is false when that cannot be done.
func (c *converter) template(info string, f field, name string) (executable, ok bool, err error) {
	file := c.layout.locate("files", f.value)
	text, err := fs.ReadFile(c.layout.fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		c.refuse(info, f.line, "the template %s is missing", file)
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	converted, findings := convert(file, string(text))
	if c.Refused = append(c.Refused, findings...); len(findings) > 0 {
		return false, false, nil
	}
	c.Files["templates/"+name+".tmpl"] = converted
	mode, err := fs.Stat(c.layout.fsys, file)
	return err == nil && mode.Mode()&0o111 != 0, true, err
}
