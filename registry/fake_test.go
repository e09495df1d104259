package registry_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/templates"
)

// fakeSet renders outputs whose template is a list of words: a key is replaced by "key=value", "prefix/*" by all keys
// below it, "!" fails when key "fail" is set.
type fakeSet struct {
	outputs []templates.Output
	text    map[string]string
	mu      *sync.Mutex
	renders map[string]int
}

func (s fakeSet) Outputs() []templates.Output { return s.outputs }

func (s fakeSet) Render(o templates.Output, w templates.World) ([]byte, templates.Uses, error) {
	s.mu.Lock()
	s.renders[o.Path]++
	s.mu.Unlock()
	var used templates.Uses
	var b strings.Builder
	for word := range strings.FieldsSeq(s.text[o.Path]) {
		if prefix, ok := strings.CutSuffix(word, "*"); ok {
			used.Prefixes = append(used.Prefixes, prefix)
			for _, key := range w.Settings.Keys(prefix) {
				value, _ := w.Settings.Get(key)
				fmt.Fprintf(&b, "%s=%q\n", key, value)
			}
			continue
		}
		if word == "!" {
			used.Keys = append(used.Keys, "fail")
			if value, ok := w.Settings.Get("fail"); ok {
				return nil, used, fmt.Errorf("cannot render %s with fail=%s", o.Path, value)
			}
			continue
		}
		used.Keys = append(used.Keys, word)
		if value, ok := w.Settings.Get(word); ok {
			fmt.Fprintf(&b, "%s=%q\n", word, value)
		}
	}
	return []byte(b.String()), used, nil
}

// fakeService is a server that runs, notes what happens to it, and fails when told so.
type fakeService struct {
	name            string
	absent, stopped bool
	check           func(stage string) error
	act             func(context.Context) error
	verify          func() error
	acts            []string
}

func (s *fakeService) Name() string    { return s.name }
func (s *fakeService) Unit() string    { return s.name + ".service" }
func (s *fakeService) Dir() string     { return "/etc/" + s.name }
func (s *fakeService) Installed() bool { return !s.absent }
func (s *fakeService) Version() string { return "1.0" }
func (s *fakeService) Running() bool   { return !s.stopped }

func (s *fakeService) Map(file, _ string) string { return file + ".db" }

func (s *fakeService) Check(_ context.Context, stage string) ([]string, error) {
	if s.check != nil {
		return nil, s.check(stage)
	}
	return nil, nil
}

func (s *fakeService) Build(_ context.Context, _, file, table string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return nil, os.WriteFile(file+".db", []byte(table+":"+string(data)), 0o600)
}

func (s *fakeService) Act(ctx context.Context, action string) error {
	s.acts = append(s.acts, action)
	s.stopped = s.stopped && action != "start"
	if s.act != nil {
		return s.act(ctx)
	}
	return nil
}

func (s *fakeService) Verify(context.Context) error {
	if s.verify != nil {
		return s.verify()
	}
	return nil
}

// host is a root with two services and five outputs.
type host struct {
	*testing.T
	root   string
	set    fakeSet
	smtpd  *fakeService
	imapd  *fakeService
	config registry.Config
	reg    *registry.Registry
}

const declarations = `
[size]
Type = uint
Default = 10
[listen]
Type = str
Service = smtpd
Action = restart
[domains]
Type = list
Service = smtpd
Action = reload
ReadOnly = yes
[password]
Type = str
Secret = yes
[extra]
Type = bool
[rule/.*]
Type = str
`

func outputs() []templates.Output {
	return []templates.Output{
		{Path: "/etc/imapd/extra.conf", Service: "imapd", Mode: 0o644, When: "extra"},
		{Path: "/etc/imapd/imapd.conf", Service: "imapd", Mode: 0o640},
		{Path: "/etc/mailname", Mode: 0o644},
		{Path: "/etc/smtpd/main.cf", Service: "smtpd", Mode: 0o644},
		{Path: "/etc/smtpd/table", Service: "smtpd", Mode: 0o644, Table: "hash"},
	}
}

var texts = map[string]string{
	"/etc/imapd/extra.conf": "name", "/etc/imapd/imapd.conf": "password name !", "/etc/mailname": "name",
	"/etc/smtpd/main.cf": "size listen rule/*", "/etc/smtpd/table": "entry/*",
}

// newHost returns a host on which everything was committed once.
func newHost(t *testing.T) *host {
	t.Helper()
	h := openHost(t, t.TempDir())
	h.file("/etc/mailreg/schema.d/test.ini", declarations)
	h.commit(registry.CommitOptions{})
	h.smtpd.acts, h.imapd.acts = nil, nil
	clear(h.set.renders)
	return h
}

func openHost(t *testing.T, root string) *host {
	h := &host{T: t, root: root, smtpd: &fakeService{name: "smtpd"}, imapd: &fakeService{name: "imapd"}}
	h.set = fakeSet{outputs(), maps.Clone(texts), &sync.Mutex{}, map[string]int{}}
	h.config = registry.Config{
		Root: root, Services: []registry.Service{h.imapd, h.smtpd},
		Load: func() (generate.Renderer, error) { return h.set, nil },
		Now:  func() time.Time { return time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC) },
	}
	h.reg = registry.New(h.config)
	return h
}

func (h *host) path(path string) string { return filepath.Join(h.root, path) }

func (h *host) file(path, text string) {
	h.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(path)), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(h.path(path), []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
}

func (h *host) read(path string) string {
	h.Helper()
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		h.Fatal(err)
	}
	return string(data)
}

func (h *host) commit(opts registry.CommitOptions) registry.Outcome {
	h.Helper()
	out, err := h.reg.Commit(h.Context(), opts)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

// change sets words of the form key=value in layer normal.
func (h *host) change(words ...string) registry.Outcome {
	h.Helper()
	out, err := h.reg.Change(h.Context(), edit(words...))
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func edit(words ...string) registry.Edit {
	var e registry.Edit
	for _, word := range words {
		key, value, set := strings.Cut(word, "=")
		if set {
			e.Set = append(e.Set, registry.Assignment{Key: key, Value: value})
		} else {
			e.Unset = append(e.Unset, key)
		}
	}
	return e
}

// tree returns a line for each file and folder below the root: mode, owner, time and a hash of the content.
func (h *host) tree() map[string]string {
	h.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s %x", info.ModTime(), sha256.Sum256(data))
		}
		tree[strings.TrimPrefix(path, h.root)] = line
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return tree
}

// unchanged runs f and compares the whole root before and after.
func (h *host) unchanged(f func()) {
	h.Helper()
	before, inodes := h.tree(), h.inodes()
	f()
	if diff := cmp.Diff(before, h.tree()); diff != "" {
		h.Errorf("the root has changed:\n%s", diff)
	}
	if diff := cmp.Diff(inodes, h.inodes()); diff != "" {
		h.Errorf("files were replaced by equal ones:\n%s", diff)
	}
}

// inodes returns the number of each file below the root: of two equal files one is new.
func (h *host) inodes() map[string]uint64 {
	h.Helper()
	inodes := map[string]uint64{}
	for path := range h.tree() {
		info, err := os.Lstat(h.path(path))
		if err != nil {
			h.Fatal(err)
		}
		inodes[path] = info.Sys().(*syscall.Stat_t).Ino
	}
	return inodes
}

// settled checks that the files are what the registry says and that nothing is left of a transaction.
func (h *host) settled() {
	h.Helper()
	diffs, err := h.reg.Diff(h.Context(), nil)
	if err != nil || len(diffs) > 0 {
		h.Errorf("diff: %v, %v", diffs, err)
	}
	for path := range h.tree() {
		name := filepath.Base(path)
		if strings.HasSuffix(name, ".mailreg") || strings.HasPrefix(name, "journal") || name == "stage" {
			h.Errorf("%s is left", path)
		}
	}
	if table := h.read("/etc/smtpd/table"); h.read("/etc/smtpd/table.db") != "hash:"+table {
		h.Error("the map is not that of its table")
	}
}

func verbs(out registry.Outcome) []string {
	var all []string
	for _, key := range out.Keys {
		all = append(all, key.Verb+" "+key.Key)
	}
	return all
}

func actions(out registry.Outcome) []string {
	var all []string
	for _, a := range out.Actions {
		line := a.Verb + " " + a.Unit
		if a.Skipped != "" {
			line += " skipped: " + a.Skipped
		}
		if a.Err != nil {
			line += " failed: " + a.Err.Error()
		}
		all = append(all, line)
	}
	return all
}

var errBroken = errors.New("it is broken")

func want[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

func list(words ...string) []string { return slices.Clone(words) }
