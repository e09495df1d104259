package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/layerfile"
	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/swap"
)

// job is what the engine is asked to do: an edit with all that follows from it, or (edit nil) a commit.
type job struct {
	edit             *Edit
	files            []string
	dryRun, noReload bool
}

// transaction is one run of the engine up to the journal. Everything is in memory but the stage.
type transaction struct {
	r         *Registry
	job       job
	old, view *View // before and after the edit; the same in a commit
	changes   []keyChange
	state     *state // as it shall be
	wasState  []byte // as it is
	set       Renderer
	outputs   []*output
	maps      []swap.File       // indexed maps that were built in the stage
	actions   map[string]string // by service
	versions  map[string]string
	out       Outcome
}

// Change carries out one transaction: keys and types checked, files rendered and checked, then all written, then the
// services told. When it returns an error that is not ErrPending, no byte has changed (or, when a service did not work
// with the new files, all are back).
func (r *Registry) Change(ctx context.Context, edit Edit) (Outcome, error) {
	if edit.Layer == Default {
		edit.Layer = Normal
	}
	// A first look without the lock, so that what is refused for its own sake neither waits nor leaves a lock file.
	t := r.begin(job{edit: &edit})
	if err := errors.Join(t.read(), t.edit()); err != nil {
		return Outcome{}, err
	}
	return r.run(ctx, job{edit: &edit, dryRun: edit.DryRun, noReload: edit.NoReload})
}

// Commit renders files from the registry as it is and brings them into force. It finishes an interrupted transaction
// first and tries pending actions again.
func (r *Registry) Commit(ctx context.Context, opts CommitOptions) (Outcome, error) {
	return r.run(ctx, job{files: opts.Files, dryRun: opts.DryRun, noReload: opts.NoReload})
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
	if j.edit != nil { // a commit has just tried again
		err = errors.Join(err, unsettled)
	}
	return t.out, err
}

func (r *Registry) begin(j job) *transaction {
	return &transaction{r: r, job: j, actions: map[string]string{}, versions: map[string]string{}}
}

// prepare does all that can be refused and writes nothing but the stage, which it takes away again.
func (t *transaction) prepare(ctx context.Context) error {
	if err := errors.Join(t.read(), t.edit()); err != nil {
		return err
	}
	if t.job.edit != nil && len(t.changes) == 0 {
		return nil
	}
	var err error
	if t.set, err = t.r.load(); err != nil {
		return err
	}
	if err := t.plan(); err != nil {
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

func (t *transaction) read() error {
	var err error
	if t.old, err = t.r.reader.Fresh(); err != nil {
		return err
	}
	t.view = t.old
	if t.state, err = t.r.readState(); err != nil {
		return err
	}
	t.wasState, err = t.state.encode()
	return err
}

func (t *transaction) edit() error {
	if t.job.edit == nil || t.old == nil {
		return nil
	}
	done, err := apply(t.old, *t.job.edit)
	if err != nil {
		return err
	}
	if err := errors.Join(checkAccounts(t.old, done.view), t.r.checkLayout(t.old, done.view)); err != nil {
		return err
	}
	t.view, t.changes = done.view, done.changes
	t.out.Keys = done.keys
	t.out.Warnings = append(t.out.Warnings, done.warnings...)
	return nil
}

// planActions works out which service needs what: for its changed files, for changed keys whose declaration names an
// action and, in a commit, for what is still pending.
func (t *transaction) planActions() {
	touched := map[string]bool{}
	for _, o := range t.outputs {
		touched[o.Service] = true
		addAction(t.actions, o.Service, "reload")
	}
	first := len(t.state.Acted) == 0
	before, after := actionKeys(t.old), actionKeys(t.view)
	if t.job.edit == nil {
		before = t.state.Acted
	}
	if len(t.job.files) == 0 {
		keyActions(t.actions, t.view, before, after)
		t.noteActed(before, after, first)
	}
	if t.job.edit == nil {
		for service, action := range t.state.Pending {
			touched[service] = true
			addAction(t.actions, service, action)
		}
	}
	maps.DeleteFunc(t.actions, func(service, _ string) bool {
		// In the first commit every key looks changed; only services that get files are concerned.
		unknown := first && t.job.edit == nil && !touched[service]
		return unknown || t.job.noReload || t.r.service(service) == nil || !t.r.enabled(t.view, service)
	})
	if !t.job.dryRun {
		return
	}
	for _, service := range slices.Sorted(maps.Keys(t.actions)) {
		t.out.Actions = append(t.out.Actions, actionOutcome(t.r.service(service), t.actions[service]))
	}
}

// noteActed notes the values that services have been told of once this transaction is over: all of them the first time,
// then what has changed, for an edit must not hide what was changed by hand before it.
func (t *transaction) noteActed(before, after map[string]string, first bool) {
	if first {
		t.state.Acted = after
		return
	}
	for key := range before {
		if _, still := after[key]; !still {
			delete(t.state.Acted, key)
		}
	}
	for key, hash := range after {
		if before[key] != hash {
			t.state.Acted[key] = hash
		}
	}
}

// files returns all that the transaction replaces, in the order in which it is swapped.
func (t *transaction) files() ([]swap.File, error) {
	var files []swap.File
	for _, o := range t.outputs {
		if o.kept != nil {
			files = append(files, *o.kept)
		}
		if o.changed() {
			files = append(files, o.file)
		}
		if o.file.Remove && o.oldMap != "" {
			files = append(files, swap.File{Path: t.r.path(o.oldMap), Remove: true})
		}
	}
	files = append(files, t.maps...)
	layers, err := t.layerFiles()
	return append(files, layers...), err
}

// layerFiles returns the layer files that the edit changes, and the note of those that have existed.
func (t *transaction) layerFiles() ([]swap.File, error) {
	var files []swap.File
	existing := map[string]bool{}
	for _, name := range settings.FileNames() {
		if _, err := os.Stat(t.r.path(etcDir, name)); err == nil {
			existing[name] = true
		}
	}
	if t.job.edit != nil && len(t.changes) > 0 {
		held := t.view.Files(t.job.edit.Layer)
		for _, name := range slices.Sorted(maps.Keys(held)) {
			if maps.Equal(held[name], t.old.InFile(name)) {
				continue
			}
			file, err := t.layerFile(name, held[name])
			if err != nil {
				return nil, err
			}
			files = append(files, file)
			existing[name] = true
		}
	}
	if err := t.closeSecrets(&files); err != nil {
		return nil, err
	}
	names := strings.Join(slices.Sorted(maps.Keys(existing)), "\n") + "\n"
	noted, err := swap.Read(t.r.path(settings.NoteFile))
	if err == nil && len(existing) > 0 && string(noted.Data) != names {
		files = append(files, ownFile(noted.Path, []byte(names), 0o644))
	}
	return files, err
}

// closeSecrets mends the mode of the secrets, where somebody has opened it, unless they are replaced anyhow.
func (t *transaction) closeSecrets(files *[]swap.File) error {
	file, err := swap.Read(t.r.path(etcDir, settings.SecretsFile))
	replaced := slices.ContainsFunc(*files, func(f swap.File) bool { return f.Path == file.Path })
	if err != nil || file.Remove || replaced || file.Mode&0o077 == 0 {
		return err
	}
	t.warn("%s was open to others (mode %#o)", filepath.Join(etcDir, settings.SecretsFile), file.Mode)
	file.Mode = 0o600
	*files = append(*files, file)
	return nil
}

// layerFile returns a layer file with other values. Mode and owner stay as they are, but secrets are never for others.
func (t *transaction) layerFile(name string, values map[string]string) (swap.File, error) {
	file, err := swap.Read(t.r.path(etcDir, name))
	if err != nil {
		return swap.File{}, err
	}
	was := map[string]string{}
	if !file.Remove {
		was, err = layerfile.Decode(name, file.Data)
	}
	// An editor takes no lock: what it has saved since we read the file would be lost.
	if err != nil || !maps.Equal(was, t.old.InFile(name)) {
		return swap.File{}, fmt.Errorf("%s has been changed meanwhile; try again", file.Path)
	}
	if file.Remove {
		file = ownFile(file.Path, nil, 0o644)
	}
	if name == settings.SecretsFile {
		file.Mode = 0o600
	}
	file.Data, file.Time = layerfile.Encode(name, values), time.Time{}
	return file, nil
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
	encoded, err := t.state.encode()
	if err != nil {
		return nil, err
	}
	if string(encoded) == string(t.wasState) && len(files) == 0 {
		return t.r.retry(ctx, t.actions)
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

func (t *transaction) stageSwap(files []swap.File) (*swap.Set, note, error) {
	n := note{ID: t.state.Serial, Actions: t.actions}
	var err error
	if t.job.edit != nil {
		if n.Lines, err = t.logLines(n.ID); err != nil {
			return nil, n, err
		}
	}
	if n.Offset, err = t.r.log().Size(); err != nil {
		return nil, n, err
	}
	if err := os.MkdirAll(filepath.Dir(t.r.path(stateFile)), 0o755); err != nil {
		return nil, n, err
	}
	set, err := stageNote(t.r.path(stateDir), files, n)
	return set, n, err
}

// logLines returns what the log is to say about the edit.
func (t *transaction) logLines(id int64) ([]byte, error) {
	var lines []history.Line
	for _, c := range t.changes {
		if d, _ := t.view.Declaration(c.key); d.Secret {
			c = c.masked()
		}
		lines = append(lines, history.Line{
			ID: id, Time: t.r.now().Truncate(time.Second), UID: os.Getuid(), PID: os.Getpid(),
			Layer: t.job.edit.Layer.String(), Key: c.key, Old: c.old, New: c.new,
		})
	}
	return history.Encode(lines)
}
