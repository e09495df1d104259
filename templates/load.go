package templates

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed stock
var stock embed.FS

// Set is a collection of outputs with their templates. It never changes, so that several goroutines can render at once.
type Set struct {
	outputs   []Output
	templates *template.Template
}

// Load returns the stock templates and manifests, overridden by name by those in dir (which need not exist; "" is none): a file
// with the path of a stock one, such as postfix/main.cf/60-tls.tmpl, takes its place, any other is added. Templates end
// in ".tmpl", manifests in ".ini"; other files are left alone.
func Load(dir string) (*Set, error) {
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
		maps.Copy(files, local)
	}
	return newSet(files)
}

// Outputs returns all outputs sorted by path.
func (s *Set) Outputs() []Output { return slices.Clone(s.outputs) }

// readTree returns the templates and manifests of a folder by path: none when there is no such folder. A link in it that
// leads nowhere is an error, for what is missing then would be taken from the stock.
func readTree(fsys fs.FS) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if name == "." && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		ext := path.Ext(name)
		if err != nil || entry.IsDir() || ext != ".tmpl" && ext != ".ini" || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = string(data)
		return err
	})
	return files, err
}

func newSet(files map[string]string) (*Set, error) {
	s := &Set{templates: template.New("").Option("missingkey=error").Funcs(new(rendering).funcs())}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if base, ok := strings.CutSuffix(name, ".tmpl"); ok {
			if err := s.addTemplate(base, files[name]); err != nil {
				return nil, err
			}
		}
	}
	if err := s.guard(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".ini") {
			if err := s.addManifest(name, files[name]); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(s.outputs, func(a, b Output) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(s.outputs); i++ {
		if s.outputs[i].Path == s.outputs[i-1].Path {
			return nil, fmt.Errorf("two manifests declare the file %s", s.outputs[i].Path)
		}
	}
	return s, nil
}

func (s *Set) addTemplate(name, text string) error {
	if strings.ContainsRune(text, mark) {
		return fmt.Errorf("template %s has a NUL byte", name)
	}
	if _, err := s.templates.New(name).Parse(text); err != nil {
		return fmt.Errorf("reading a template: %w", err)
	}
	return nil
}

// parts returns the templates of an output: the template of that name, or those of the folder of that name, sorted by
// their leading number.
func (s *Set) parts(name string) []string {
	if s.templates.Lookup(name) != nil {
		return []string{name}
	}
	var parts []string
	for _, t := range s.templates.Templates() {
		if path.Dir(t.Name()) == name {
			parts = append(parts, t.Name())
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
