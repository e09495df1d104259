package ucr

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// stuckService is a server that runs, takes any files, and cannot be reloaded.
type stuckService struct{}

func (stuckService) Name() string                                    { return "stuck" }
func (stuckService) Unit() string                                    { return "stuck.service" }
func (stuckService) Dir() string                                     { return "/etc/stuck" }
func (stuckService) Installed() bool                                 { return true }
func (stuckService) Version() string                                 { return "" }
func (stuckService) Running() bool                                   { return true }
func (stuckService) Check(context.Context, string) ([]string, error) { return nil, nil }
func (stuckService) Map(string, string) string                       { return "" }
func (stuckService) Act(context.Context, string) error               { return errors.New("it is stuck") }
func (stuckService) Verify(context.Context) error                    { return nil }
func (stuckService) Build(context.Context, string, string, string) ([]string, error) {
	return nil, nil
}

// TestPending: a reload that fails is a warning. The setting is in force, and a script that stops at the first error goes on
// as it does with the peer.
func TestPending(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"stuck.ini":  "[/etc/stuck/stuck.conf]\nService = stuck\nFormat = lines\nTemplate = stuck\n",
		"stuck.tmpl": "{{with get \"my/key\"}}{{.}}{{end}}\n",
	} {
		dir := filepath.Join(root, "etc/mailreg/templates")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr strings.Builder
	p := Program{
		Registry: registry.New(registry.Config{Root: root, Services: []registry.Service{stuckService{}}}), Root: root,
		Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr,
	}
	if code := p.Run(t.Context(), []string{"set", "my/key=1"}); code != exitDone {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if got := stdout.String(); got != "Create my/key\nFile: /etc/stuck/stuck.conf\n" {
		t.Errorf("stdout %q", got)
	}
	if !strings.Contains(stderr.String(), "W: Reload of stuck.service failed and is pending: it is stuck\n") {
		t.Errorf("stderr %q", &stderr)
	}
	if pending, err := p.Registry.Pending(); err != nil || pending["stuck"] == "" {
		t.Errorf("pending %v, %v", pending, err)
	}
}
