package registry

import (
	"context"
	"fmt"

	"github.com/mailreg/mailreg/registry/unified"
)

// Diff returns what a commit would change, as unified diffs; all files when none are named.
func (r *Registry) Diff(_ context.Context, files []string) ([]FileDiff, error) {
	t := r.begin(job{files: files, dryRun: true})
	if err := t.read(); err != nil {
		return nil, err
	}
	var err error
	if t.set, err = r.load(); err != nil {
		return nil, err
	}
	if err := t.plan(); err != nil {
		return nil, err
	}
	var diffs []FileDiff
	for _, o := range t.outputs {
		if o.changed() {
			diffs = append(diffs, FileDiff{Path: o.Path, Diff: diffOf(o)})
		}
	}
	return diffs, nil
}

// diffOf returns the unified diff of an output's live bytes against the rendered ones.
func diffOf(o *output) string {
	before, after := o.Path, o.Path
	if o.live.Remove {
		before = "/dev/null"
	}
	if o.file.Remove {
		after = "/dev/null"
	}
	diff := unified.Diff(before, after, string(o.live.Data), string(o.file.Data))
	if diff == "" {
		return fmt.Sprintf("mode and owner of %s: %v %d:%d becomes %v %d:%d\n", o.Path,
			o.live.Mode, o.live.UID, o.live.GID, o.file.Mode, o.file.UID, o.file.GID)
	}
	return diff
}
