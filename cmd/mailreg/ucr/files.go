package ucr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema/plain"
	"github.com/mailreg/mailreg/templates/markers"
)

// commit renders the given files, or all. One that no template makes is a warning, as in the peer.
func (p *Program) commit(ctx context.Context) error {
	opts := registry.CommitOptions{Skip: true}
	for _, name := range p.call.args {
		file, err := p.file(name)
		if err != nil {
			return err
		}
		opts.Files = append(opts.Files, file)
	}
	outcome, err := p.Registry.Commit(ctx, opts)
	for _, file := range outcome.Unknown {
		fmt.Fprintf(p.Stderr, "Warning: The file '%s' is not registered as an UCR template.\n", plain.Line(file))
	}
	return p.finish(outcome, err)
}

// register brings what somebody has dropped into the folders of templates and of declarations into force.
func (p *Program) register(ctx context.Context) error {
	return p.finish(p.Registry.Register(ctx, p.call.args[0], registry.RegisterOptions{}))
}

// unregister takes it back.
func (p *Program) unregister(ctx context.Context) error {
	return p.finish(p.Registry.Unregister(ctx, p.call.args[0], registry.RegisterOptions{}))
}

// finish reports a transaction, or why there was none.
func (p *Program) finish(outcome registry.Outcome, err error) error {
	if err != nil && !errors.Is(err, registry.ErrPending) {
		p.warnings(outcome)
		return err
	}
	p.report(outcome)
	return nil
}

// file returns the name of a file as seen from the root: "~" and variables of the environment that are set are replaced, a
// relative name begins where the caller stands.
func (p *Program) file(name string) (string, error) {
	if name == "~" || strings.HasPrefix(name, "~/") {
		name = p.Getenv("HOME") + name[1:]
	}
	name = os.Expand(name, func(variable string) string { return cmp.Or(p.Getenv(variable), "$"+variable) })
	if filepath.IsAbs(name) {
		return filepath.Clean(name), nil
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("finding the file %q: %w", name, err)
	}
	if below, ok := strings.CutPrefix(absolute, p.Root+"/"); ok && p.Root != "/" {
		return "/" + below, nil
	}
	return absolute, nil
}

// update has nothing to do, for declarations and templates are read by each call that needs them; it says when the former
// cannot be read.
func (p *Program) update(context.Context) error {
	_, err := p.Registry.View()
	return err
}

// filter fills in the template on stdin. The peer ignores arguments, too.
func (p *Program) filter(context.Context) error {
	template, err := io.ReadAll(p.Stdin)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	parts := markers.Parse(string(template))
	if p.call.has("disallow-execution") {
		parts = markers.Variables(string(template))
	}
	text, err := markers.Render(parts, view.String)
	if err != nil {
		return err
	}
	p.printf("%s", text)
	return nil
}
