package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/registry/state"
)

// The stages at which the administrator's programs hear of a transaction: before it is in force, and after.
const (
	stagePre  = "pre"
	stagePost = "post"
)

// notice is what the administrator's programs get to read, one JSON object. docs/commit-hooks.md describes it.
type notice struct {
	Transaction int64          `json:"transaction"`
	Stage       string         `json:"stage"`
	Layer       string         `json:"layer,omitempty"`
	Changes     []noticeChange `json:"changes"`
	Files       []string       `json:"files"`
	Services    []string       `json:"services"`
}

// noticeChange is a changed key: no Old when it was created, no New when it is unset. Secrets have history.Secret for both.
type noticeChange struct {
	Key   string  `json:"key"`
	Layer string  `json:"layer"`
	Old   *string `json:"old,omitempty"`
	New   *string `json:"new,omitempty"`
}

// notice describes the transaction at a stage; nil when there is nothing that a program could want to know.
func (t *transaction) notice(stage string) json.RawMessage {
	if len(t.changes) == 0 && len(t.plan.Files) == 0 {
		return nil
	}
	n := notice{
		Transaction: t.state.Serial, Stage: stage, Changes: []noticeChange{},
		Files: append([]string{}, t.plan.Files...), Services: []string{},
	}
	if t.job.edit != nil {
		n.Layer = t.job.edit.Layer.String()
	}
	for _, c := range t.changes {
		if d, _ := t.view.Declaration(c.key); d.Secret {
			c = c.masked()
		}
		n.Changes = append(n.Changes, noticeChange{Key: c.key, Layer: c.layer.String(), Old: c.old, New: c.new})
	}
	for _, s := range t.r.concerned(t.actions) {
		n.Services = append(n.Services, s.Name())
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil // texts and numbers always can be
	}
	return data
}

// programs returns the administrator's programs with the time that a view gives them.
func (r *Registry) programs(v *View) hook.Programs {
	limit := time.Minute
	if v != nil {
		limit = v.Duration("mailreg/commit/timeout")
	}
	return hook.Programs{Root: r.root, Limit: limit}
}

// ask runs the programs before the journal is written; the first that fails refuses the transaction.
func (t *transaction) ask(ctx context.Context) error {
	change := t.notice(stagePre)
	if change == nil {
		return nil
	}
	programs := t.r.programs(t.view)
	names, warnings, err := programs.List()
	if err != nil {
		return err
	}
	t.out.Warnings = append(t.out.Warnings, warnings...)
	for _, name := range names {
		if err := programs.Run(ctx, name, stagePre, change); err != nil {
			return fmt.Errorf("%s refuses: %w", filepath.Join(hook.ProgramDir, name), err)
		}
	}
	return nil
}

// tell runs the programs after the actions: first, with again set, those that have failed before, then all of them with a
// change, nil for none. Those that fail are noted and returned. Like actions they are not interrupted, and whoever
// finishes a killed transaction may run one for the second time.
func (r *Registry) tell(ctx context.Context, change json.RawMessage, again bool) (failed []ActionOutcome, err error) {
	names, _, err := r.programs(nil).List()
	if err != nil {
		return nil, err
	}
	if owes, err := state.Owes(r.path(stateFile)); err != nil || !owes && (change == nil || len(names) == 0) {
		return nil, err
	}
	s, err := state.Read(r.path(stateFile))
	if err != nil || change == nil && (!again || len(s.Owed) == 0) {
		return nil, err
	}
	view, _ := r.View() // without one they have the usual time
	programs := r.programs(view)
	owed := len(s.Owed)
	due := s.Due(names, change, again)
	broken := map[string]bool{}
	for _, o := range due {
		if broken[o.Program] { // it takes its time, and would take it once for each
			s.Owed = append(s.Owed, o)
			continue
		}
		if err := programs.Run(context.WithoutCancel(ctx), o.Program, stagePost, o.Change); err != nil {
			o.Fail(err, r.now().Truncate(time.Second))
			s.Owed, broken[o.Program] = append(s.Owed, o), true
			failed = append(failed, ActionOutcome{Verb: "Post", Unit: filepath.Join(hook.ProgramDir, o.Program), Err: err})
		}
	}
	if owed == 0 && len(failed) == 0 {
		return nil, nil
	}
	return failed, r.saveState(s)
}
