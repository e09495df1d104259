package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/unified"
)

// Diff returns what a commit would change, as unified diffs; all files when none are named. Of files that not everybody may
// read, and of those that hold secrets, it shows which lines differ but not their values.
func (r *Registry) Diff(_ context.Context, files []string) ([]FileDiff, error) {
	t := r.begin(job{files: files, dryRun: true})
	if err := errors.Join(t.recall(), t.read()); err != nil {
		return nil, err
	}
	if err := t.generate(); err != nil {
		return nil, err
	}
	secrets := t.secrets()
	var diffs []FileDiff
	for _, o := range t.plan.Outputs {
		if !o.Changed() {
			continue
		}
		diff := diffOf(o)
		if t.guarded(o) {
			diff = mask(diff, secrets)
		}
		diffs = append(diffs, FileDiff{Path: o.Path, Diff: diff})
	}
	return diffs, nil
}

// diffOf returns the unified diff of an output's live bytes against the rendered ones.
func diffOf(o *generate.Output) string {
	before, after := o.Path, o.Path
	if o.Live.Remove {
		before = "/dev/null"
	}
	if o.File.Remove {
		after = "/dev/null"
	}
	diff := unified.Diff(before, after, string(o.Live.Data), string(o.File.Data))
	if diff == "" {
		return fmt.Sprintf("mode and owner of %s: %v %d:%d becomes %v %d:%d\n", o.Path,
			o.Live.Mode, o.Live.UID, o.Live.GID, o.File.Mode, o.File.UID, o.File.GID)
	}
	return diff
}

// guarded reports whether a file is not for everybody's eyes: by its mode as it is or shall be, or because it holds secrets.
func (t *transaction) guarded(o *generate.Output) bool {
	const others = 0o004
	if !o.Live.Remove && o.Live.Mode&others == 0 || !o.File.Remove && o.File.Mode&others == 0 {
		return true
	}
	return slices.ContainsFunc(t.state.Outputs[o.Path].Uses.Keys.All(), func(key string) bool {
		d, _ := t.view.Declaration(key)
		return d.Secret
	})
}

// secrets returns the values of all secrets.
func (t *transaction) secrets() []string {
	var all []string
	for _, pair := range t.view.Pairs() {
		if d, _ := t.view.Declaration(pair.Key); d.Secret && pair.Value != "" {
			all = append(all, pair.Value)
		}
	}
	return all
}

// mask hides the values in the lines of a diff: of "name = value" and "name: value" the name is left, of other lines
// nothing, nor of a name that holds one of the secrets.
func mask(diff string, secrets []string) string {
	var b strings.Builder
	header := 2
	for line := range strings.Lines(diff) {
		header--
		text := strings.TrimSuffix(line[1:], "\n")
		if header >= 0 || !strings.ContainsRune(" +-", rune(line[0])) || text == "" {
			b.WriteString(line)
			continue
		}
		name := ""
		if at := strings.IndexAny(text, "=:"); at >= 0 {
			name = text[:at+1] + " "
		}
		if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(name, secret) }) {
			name = ""
		}
		b.WriteString(line[:1] + name + history.Secret + "\n")
	}
	return b.String()
}
