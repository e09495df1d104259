package templates

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed stock
var stock embed.FS

// Set is a collection of outputs with their templates. What it gives never changes, so that several goroutines can render
// at once. Templates are read when they are first rendered: a change renders few of them.
type Set struct {
	outputs []Output
	// sources are the templates by name, without ".tmpl", and names the names, sorted.
	sources map[string]source
	names   []string
	library library
	// dir is the folder of the local files, off the manifests that are passed over.
	dir string
	off []string
	// added are the parts that manifests add to files of others.
	added []part
}

// part is a template that a manifest adds to a file that another one declares.
type part struct {
	manifest, file, template string
	line                     int
	off                      bool
}

// source is a file that is to be read: local tells those of an administrator from the stock ones.
type source struct {
	in    fs.FS // nil when held is the text
	path  string
	held  string
	local bool
}

func (s source) text() (string, error) {
	if s.in == nil {
		return s.held, nil
	}
	data, err := fs.ReadFile(s.in, s.path)
	return string(data), err
}

// Load returns the stock templates and manifests, overridden by name by those in dir (which need not exist; "" is none): a file
// with the path of a stock one, such as postfix/main.cf/60-tls.tmpl, takes its place, any other is added. Templates end
// in ".tmpl", manifests in ".ini"; other files are left alone. The manifests named in off (without ".ini") are passed over,
// with the parts that they add to files of others.
func Load(dir string, off ...string) (*Set, error) { return Preview(dir, nil, off...) }

// Preview is Load with texts laid over the files in dir, by their names there, as if they had been written; nil takes a file
// away.
func Preview(dir string, over map[string]*string, off ...string) (*Set, error) {
	sub, err := fs.Sub(stock, "stock")
	if err != nil {
		return nil, err
	}
	files, err := readTree(sub)
	if err != nil {
		return nil, fmt.Errorf("reading the stock templates: %w", err)
	}
	if dir != "" {
		local, err := readTree(os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("reading the templates of %s: %w", dir, err)
		}
		for name, text := range over {
			delete(local, name)
			if text != nil {
				local[name] = source{held: *text}
			}
		}
		for name, file := range local {
			file.local = true
			files[name] = file
		}
	}
	return newSet(files, dir, off)
}

// New returns the set of the given texts by name, such as "site.ini" and "site/conf.tmpl", without any stock ones.
func New(texts map[string]string) (*Set, error) {
	files := map[string]source{}
	for name, text := range texts {
		files[name] = source{held: text}
	}
	return newSet(files, "", nil)
}

// IsStock reports whether a manifest, named without ".ini", is one of the stock ones.
func IsStock(name string) bool {
	_, err := fs.Stat(stock, path.Join("stock", name+".ini"))
	return err == nil
}

// Outputs returns all outputs sorted by path.
func (s *Set) Outputs() []Output { return slices.Clone(s.outputs) }

// readTree returns the templates and manifests of a folder by path: none when there is no such folder. A link in it that
// leads nowhere is an error, for what is missing then would be taken from the stock.
func readTree(fsys fs.FS) (map[string]source, error) {
	files := map[string]source{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if name == "." && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		ext := path.Ext(name)
		if err != nil || entry.IsDir() || ext != ".tmpl" && ext != ".ini" || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		files[name] = source{in: fsys, path: name}
		if entry.Type().IsRegular() {
			return nil
		}
		_, err = fs.Stat(fsys, name)
		return err
	})
	return files, err
}

func newSet(files map[string]source, dir string, off []string) (*Set, error) {
	s := &Set{sources: map[string]source{}, dir: dir, off: off}
	var manifests []string
	for name, file := range files {
		if base, ok := strings.CutSuffix(name, ".tmpl"); ok {
			s.sources[base] = file
			s.names = append(s.names, base)
		} else {
			manifests = append(manifests, name)
		}
	}
	slices.Sort(s.names)
	slices.Sort(manifests)
	for _, name := range manifests {
		if err := s.addManifest(name, files[name]); err != nil {
			return nil, err
		}
	}
	if err := s.unique(); err != nil {
		return nil, err
	}
	if err := s.addParts(); err != nil {
		return nil, err
	}
	// A joined file whose parts are still to come is not there yet.
	s.outputs = slices.DeleteFunc(s.outputs, func(o Output) bool { return len(o.Parts) == 0 })
	return s, nil
}

// unique sorts the outputs and refuses a file that is declared twice.
func (s *Set) unique() error {
	slices.SortFunc(s.outputs, func(a, b Output) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Manifest, b.Manifest))
	})
	for i := 1; i < len(s.outputs); i++ {
		a, b := s.outputs[i-1], s.outputs[i]
		switch {
		case a.Path != b.Path:
		case a.Manifest == b.Manifest:
			return fmt.Errorf("manifest %s declares the file %s twice", s.where(a.Manifest), a.Path)
		default:
			return fmt.Errorf("two manifests declare the file %s: %s and %s", a.Path, s.where(a.Manifest), s.where(b.Manifest))
		}
	}
	return nil
}

// where tells where a manifest, named without ".ini", lies.
func (s *Set) where(manifest string) string {
	name := manifest + ".ini"
	if _, err := os.Stat(filepath.Join(s.dir, name)); s.dir == "" || err != nil {
		return name
	}
	return filepath.Join(s.dir, name)
}

// addParts sees to the parts that manifests add to files of others: they must be where that file looks for its parts.
func (s *Set) addParts() error {
	for _, p := range s.added {
		at := slices.IndexFunc(s.outputs, func(o Output) bool { return o.Path == p.file })
		switch {
		case at < 0: // the other manifest is still to come, or off
		case p.off && !slices.Contains(s.outputs[at].Parts, p.template):
		case !slices.Contains(s.outputs[at].Parts, p.template):
			return fmt.Errorf("reading manifest %s:%d: [%s]: template %q is no part of that file, whose parts lie in %s",
				s.where(p.manifest), p.line, p.file, p.template, s.outputs[at].Template)
		case p.off:
			s.outputs[at].Parts = slices.DeleteFunc(s.outputs[at].Parts, func(name string) bool { return name == p.template })
		}
	}
	return nil
}

// parts returns the templates of an output: the template of that name, or those of the folder of that name, sorted by
// their leading number.
func (s *Set) parts(name string) []string {
	if _, ok := s.sources[name]; ok {
		return []string{name}
	}
	name = strings.TrimSuffix(name, "/")
	var parts []string
	for at, _ := slices.BinarySearch(s.names, name+"/"); at < len(s.names) && strings.HasPrefix(s.names[at], name+"/"); at++ {
		if path.Dir(s.names[at]) == name {
			parts = append(parts, s.names[at])
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(cmp.Compare(leadingNumber(path.Base(a)), leadingNumber(path.Base(b))), strings.Compare(a, b))
	})
	return parts
}

// leadingNumber returns the number that a name begins with, as in "10-general"; names without one come last.
func leadingNumber(name string) int {
	digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return int(^uint(0) >> 1)
	}
	return n
}
