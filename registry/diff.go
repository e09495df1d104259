package registry

import (
	"context"
	"fmt"

	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/unified"
)

// Diff returns what a commit would change, as unified diffs; all files when none are named.
func (r *Registry) Diff(_ context.Context, files []string) ([]FileDiff, error) {
	t := r.begin(job{files: files, dryRun: true})
	if err := t.read(); err != nil {
		return nil, err
	}
	if err := t.generate(); err != nil {
		return nil, err
	}
	var diffs []FileDiff
	for _, o := range t.plan.Outputs {
		if o.Changed() {
			diffs = append(diffs, FileDiff{Path: o.Path, Diff: diffOf(o)})
		}
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
