package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailreg/mailreg/registry/adopt"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
)

// job is what the engine is asked to do: an edit with all that follows from it, or (edit nil) a commit. An undo becomes an
// edit once the settings are read.
type job struct {
	edit             *Edit
	module           *module // to switch on or off
	undo             *UndoOptions
	files            []string
	skip             bool // files that are no output
	dryRun, noReload bool
	typed            bool // whether a commit looks at values that were edited by hand
}

// transaction is one run of the engine up to the journal. Everything is in memory but the stage, so that whoever gives up
// has nothing to undo. The fields are filled from top to bottom.
type transaction struct {
	r         *Registry
	job       job
	old, view *View             // before and after the edit; the same in a commit
	adopted   adopt.Plan        // the files of imported modules
	changes   []keyChange       // the edit, and the secrets that were made up for it
	state     *state.State      // as it shall be
	inputs    map[string]string // fingerprints of the files that all is generated from
	plan      *generate.Plan    // the files that change
	actions   map[string]string // reload, restart or start by service
	maps      []swap.File       // indexed maps that were built in the stage
	seen      []swap.File       // layer files and modules as they were when their new content was made
	out       Outcome
}

// Change carries out one transaction: keys and types checked, files rendered and checked, then all written, then the
// services told. When it returns an error that is not ErrPending, no byte has changed (or, when a service did not work
// with the new files, all are back). Refusals tells which keys are at fault.
func (r *Registry) Change(ctx context.Context, edit Edit) (Outcome, error) {
	if edit.Layer == Default {
		edit.Layer = Normal
	}
	// A first look without the lock, so that what is refused for its own sake neither waits nor leaves a lock file.
	t := r.begin(job{edit: &edit})
	if err := errors.Join(t.read(), t.edit()); err != nil {
		return Outcome{}, err
	}
	// Equal values do nothing at all, unless an interrupted transaction has still to set others.
	if since, err := swap.Waiting(r.path(stateDir)); len(t.changes) == 0 && err == nil && since.IsZero() {
		return t.out, nil
	}
	return r.run(ctx, job{edit: &edit, dryRun: edit.DryRun, noReload: edit.NoReload})
}

// Commit renders files from the registry as it is and brings them into force. It finishes an interrupted transaction
// first and tries pending actions again.
func (r *Registry) Commit(ctx context.Context, opts CommitOptions) (Outcome, error) {
	return r.run(ctx, job{
		files: opts.Files, skip: opts.Skip, dryRun: opts.DryRun, noReload: opts.NoReload, typed: opts.Typed,
	})
}

// Recover finishes a transaction that was interrupted after its journal was written; Change and Commit do so as well.
func (r *Registry) Recover(ctx context.Context) (Outcome, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer unlock()
	return r.finish(ctx)
}

// run tells the story of a transaction.
func (r *Registry) run(ctx context.Context, j job) (Outcome, error) {
	t := r.begin(j)
	if j.dryRun {
		err := t.prepare(ctx)
		return t.out, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer unlock()
	// First things first: what this transaction reads must be whole.
	finished, unsettled := r.finish(ctx)
	if unsettled != nil && !errors.Is(unsettled, ErrPending) {
		return finished, unsettled
	}
	t.out = finished
	if err := t.prepare(ctx); err != nil {
		return Outcome{Warnings: t.out.Warnings}, err
	}
	actions, err := t.write(ctx)
	t.out.Actions = append(finished.Actions, actions...)
	if t.job.edit != nil { // a commit has just tried again
		err = errors.Join(err, unsettled)
	}
	return t.out, err
}

func (r *Registry) begin(j job) *transaction {
	return &transaction{r: r, job: j, actions: map[string]string{}, plan: &generate.Plan{}}
}

// prepare does all that can be refused and writes nothing but the stage, which it takes away again. A dry run ends here.
func (t *transaction) prepare(ctx context.Context) error {
	if err := t.recall(); err != nil {
		return err
	}
	if err := t.look(); err != nil {
		return err
	}
	if err := t.read(); err != nil {
		return err
	}
	t.r.fault("settings read")
	if err := errors.Join(t.turn(), t.edit()); err != nil {
		return err
	}
	if t.job.edit != nil && len(t.changes) == 0 {
		return nil // equal values do nothing; a commit is there for what else may have changed
	}
	if err := t.checkEdited(); err != nil {
		return err
	}
	if err := t.generate(); err != nil {
		return err
	}
	t.planActions()
	if err := t.check(ctx); err != nil || !t.job.dryRun {
		return err
	}
	files, err := t.files()
	if err != nil {
		return err
	}
	return swap.Check(files)
}

// generate renders what the transaction affects. When that needs secrets which are to be made up, they become part of the
// transaction, and all is rendered once more, for others may read them as well.
func (t *transaction) generate() error {
	set, err := t.r.load(t.view.Off(), t.adopted.Over("templates"))
	if err != nil {
		return err
	}
	force, gone, err := t.moved(set)
	if err != nil {
		return err
	}
	if t.job.edit == nil && len(t.job.files) == 0 { // an edit looks only at what it renders
		if err := checkTemplates(set); err != nil {
			return err
		}
	}
	for {
		memory := t.state.Clone()
		t.plan = &generate.Plan{
			Root: t.r.root, Set: set, Service: t.r.rendered, Old: t.old, View: t.view, Edit: t.job.edit != nil || t.job.module != nil,
			Edited: t.edited(), Redeclared: t.job.module != nil, Force: force, Gone: gone, Only: t.job.files, Skip: t.job.skip,
			State: memory, Now: t.r.now(),
		}
		if err := t.plan.Run(); err != nil {
			return err
		}
		if len(t.plan.Made) == 0 {
			t.state = memory
			break
		}
		t.addSecrets(t.plan.Made)
	}
	t.out.Files = append(t.out.Files, t.plan.Files...)
	t.out.Unknown = t.plan.Unknown
	t.out.Warnings = append(t.out.Warnings, t.plan.Warnings...)
	return nil
}

// checkTemplates reports a template that cannot be read, be it one that nothing renders now.
func checkTemplates(set generate.Renderer) error {
	if all, ok := set.(interface{ Check() error }); ok {
		return all.Check()
	}
	return nil
}

// edited returns the keys that the transaction changes in layers.
func (t *transaction) edited() []string {
	keys := make([]string, len(t.changes))
	for i, c := range t.changes {
		keys[i] = c.key
	}
	return keys
}

// addSecrets makes secrets part of the transaction.
func (t *transaction) addSecrets(made map[string]string) {
	values := maps.Clone(t.view.In(Normal))
	for _, key := range slices.Sorted(maps.Keys(made)) {
		val := made[key]
		values[key] = val
		t.changes = append(t.changes, keyChange{layer: Normal, key: key, new: &val, made: true})
	}
	t.view = t.view.With(Normal, values)
}

// read takes in the settings from disk: under the lock they are those that the transaction changes.
func (t *transaction) read() (err error) {
	if t.old, err = t.r.reader.View(); err != nil {
		t.old = nil // the last good settings are not those that an edit would change
	}
	t.view = t.old
	return err
}

// recall takes in the state.
func (t *transaction) recall() (err error) {
	if t.state, err = state.Read(t.r.path(stateFile)); err != nil {
		return err
	}
	if _, missing := os.Stat(t.r.path(layoutFile)); missing == nil {
		t.state.Spool = true
	}
	return err
}

// edit carries the edit out in memory. One that is refused leaves the transaction as it was.
func (t *transaction) edit() error {
	if t.job.undo != nil && t.old != nil {
		if err := t.undo(); err != nil {
			return err
		}
	}
	if t.old == nil {
		return nil
	}
	if t.job.edit == nil {
		t.out.Warnings = append(t.out.Warnings, conflicts(t.view)...)
		return nil
	}
	done, err := apply(t.old, *t.job.edit)
	if err != nil {
		return err
	}
	warnings, err := t.r.crossCheck(t.old, done, t.job.edit.IgnoreCheck)
	if err != nil {
		return err
	}
	t.out.Warnings = append(t.out.Warnings, warnings...)
	t.view, t.changes = done.view, done.changes()
	t.out.Keys = done.keys
	t.out.Warnings = append(t.out.Warnings, done.warnings...)
	return nil
}

// write journals and swaps what was prepared, and tells the services.
func (t *transaction) write(ctx context.Context) ([]ActionOutcome, error) {
	files, err := t.files()
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		t.state.Serial++
	}
	maps.Copy(t.state.Pending, t.actions)
	if err := t.noteInputs(files); err != nil {
		return nil, err
	}
	encoded, err := t.state.Encode()
	if err != nil {
		return nil, err
	}
	if t.state.Unchanged(encoded) && len(files) == 0 {
		// No journal for nothing: a second commit in a row touches no file. Pending actions are tried all the same.
		return t.r.retry(ctx, t.actions, t.job.edit == nil)
	}
	if err := t.ask(ctx); err != nil {
		return nil, err
	}
	set, n, err := t.stageSwap(append(files, ownFile(t.r.path(stateFile), encoded, 0o600)))
	if err != nil {
		return nil, fmt.Errorf("preparing the files: %w", err)
	}
	if err := t.r.log().Reserve(n.Offset, n.Lines); err != nil {
		return nil, errors.Join(err, set.Abort())
	}
	t.r.fault("before journal")
	if err := set.Commit(); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the journal: %w", err), set.Abort())
	}
	t.r.fault("after journal")
	return t.r.complete(ctx, set)
}

// stageSwap lays the files beside their targets, and beside them what complete needs to know.
func (t *transaction) stageSwap(files []swap.File) (*swap.Set, note, error) {
	n := note{ID: t.state.Serial, Actions: t.actions, Change: t.notice(stagePost), Again: t.job.edit == nil}
	var err error
	if n.Lines, err = t.logLines(n.ID); err != nil {
		return nil, n, err
	}
	if n.Offset, err = t.r.log().Size(); err != nil {
		return nil, n, err
	}
	if err := os.MkdirAll(filepath.Dir(t.r.path(stateFile)), 0o755); err != nil {
		return nil, n, err
	}
	set, err := stageNote(t.r.path(stateDir), files, n)
	if err != nil {
		return nil, n, err
	}
	if err := t.overtaken(set); err != nil {
		return nil, n, errors.Join(err, set.Abort())
	}
	return set, n, nil
}

// logLines returns what the log is to say about the changes.
func (t *transaction) logLines(id int64) ([]byte, error) {
	edit := Edit{Internal: true} // a commit: what it changes was nobody's wish
	if t.job.edit != nil {
		edit = *t.job.edit
	}
	var lines []history.Line
	for _, c := range t.changes {
		d, _ := t.view.Declaration(c.key)
		if d.Secret {
			c = c.masked()
		}
		lines = append(lines, history.Line{
			ID: id, Time: t.r.now().Truncate(time.Second), UID: os.Getuid(), PID: os.Getpid(),
			Layer: c.layer.String(), Key: c.key, Old: c.old, New: c.new, Masked: d.Secret, Made: c.made,
			Internal: edit.Internal, Undoes: edit.undoes,
		})
	}
	return history.Encode(lines)
}
