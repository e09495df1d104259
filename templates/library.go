package templates

import (
	"fmt"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// library keeps the templates that were parsed. A parsed template never changes and may be executed by many at once.
type library struct {
	mu     sync.Mutex
	known  template.FuncMap // the closed set of functions
	parsed map[string]parsed
}

// parsed is a template by name: its own tree and those that it defines, and the names of the templates that it calls.
type parsed struct {
	trees []*parse.Tree
	calls []string
}

// Check parses all templates, those that nothing renders now included, and returns the first error.
func (s *Set) Check() error {
	for _, name := range s.names {
		if _, err := s.parse(name); err != nil {
			return err
		}
	}
	return nil
}

// collect adds a template, and those that it calls, to the ones that t can execute.
func (s *Set) collect(t *template.Template, name string) error {
	if t.Lookup(name) != nil {
		return nil
	}
	p, err := s.parse(name)
	if err != nil {
		return err
	}
	for _, tree := range p.trees {
		if _, err := t.AddParseTree(tree.Name, tree); err != nil {
			return err
		}
	}
	for _, called := range p.calls {
		if err := s.collect(t, called); err != nil {
			return err
		}
	}
	return nil
}

// parse returns a template ready to be executed.
func (s *Set) parse(name string) (parsed, error) {
	s.library.mu.Lock()
	defer s.library.mu.Unlock()
	if p, done := s.library.parsed[name]; done {
		return p, nil
	}
	if s.library.known == nil {
		s.library.known = new(rendering).funcs()
		s.library.parsed = map[string]parsed{}
	}
	file, ok := s.sources[name]
	if !ok {
		return parsed{}, fmt.Errorf("no template %q", name)
	}
	text, err := file.text()
	if err != nil {
		return parsed{}, fmt.Errorf("reading a template: %w", err)
	}
	p, err := parseTemplate(name, text, s.library.known)
	if err != nil {
		return parsed{}, err
	}
	s.library.parsed[name] = p
	return p, nil
}

func parseTemplate(name, text string, known template.FuncMap) (parsed, error) {
	if strings.ContainsRune(text, mark) {
		return parsed{}, fmt.Errorf("template %s has a NUL byte", name)
	}
	trees, err := parse.Parse(name, text, "", "", known, native)
	if err != nil {
		return parsed{}, fmt.Errorf("reading a template: %w", err)
	}
	var p parsed
	for _, tree := range trees {
		calls, err := guard(tree, known)
		if err != nil {
			return parsed{}, fmt.Errorf("template %s: %w", tree.Name, err)
		}
		p.trees, p.calls = append(p.trees, tree), append(p.calls, calls...)
	}
	return p, nil
}

// native are the functions of text/template itself. The parser lets them pass, so that guard can say which of them are
// not for templates.
var native = map[string]any{
	"and": true, "call": true, "ge": true, "gt": true, "html": true, "index": true, "js": true, "le": true, "len": true,
	"lt": true, "not": true, "or": true, "print": true, "printf": true, "println": true, "slice": true, "urlquery": true,
}
