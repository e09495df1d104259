package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/registry/swap"
)

// note is what the journal keeps for the engine.
type note struct {
	// ID is the transaction's, Lines its part of the log, Offset where they go.
	ID     int64  `json:"id"`
	Offset int64  `json:"offset"`
	Lines  []byte `json:"lines,omitempty"`
	// Actions are those to take, by service.
	Actions map[string]string `json:"actions,omitempty"`
	// Change is what programs are told afterwards.
	Change json.RawMessage `json:"change,omitempty"`
	// Again says that programs which have failed before are run again.
	Again bool `json:"again,omitempty"`
	// Back marks the return to former files: nothing to return to from there.
	Back bool `json:"back,omitempty"`
}

func stageNote(dir string, files []swap.File, n note) (*swap.Set, error) {
	data, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	return swap.Stage(dir, files, data)
}

// finish completes a transaction that was interrupted after its journal was written, and takes away what one that was
// interrupted before has left.
func (r *Registry) finish(ctx context.Context) (Outcome, error) {
	if err := os.RemoveAll(r.path(stageDir)); err != nil { // it may hold secrets
		return Outcome{}, err
	}
	set, err := swap.Recover(r.path(stateDir))
	if err != nil {
		return Outcome{}, fmt.Errorf("clearing up after an interrupted transaction: %w", err)
	}
	if set == nil {
		return Outcome{}, nil
	}
	out := Outcome{Warnings: []string{"an interrupted transaction was finished"}}
	for i, f := range set.Files {
		if path := r.below(f.Path); !strings.HasPrefix(path, stateDir) && !strings.HasPrefix(path, etcDir) && !f.Equal(set.Former[i]) {
			out.Files = append(out.Files, path)
		}
	}
	if out.Actions, err = r.complete(ctx, set); err != nil && !errors.Is(err, ErrPending) {
		err = fmt.Errorf("finishing an interrupted transaction: %w", err)
	}
	return out, err
}

// below is the inverse of path.
func (r *Registry) below(path string) string {
	if r.root == "/" {
		return path
	}
	return strings.TrimPrefix(path, r.root)
}

// complete does what follows once the journal is durable: swap, log, actions. It is the same for who wrote the journal
// and for who finds it.
func (r *Registry) complete(ctx context.Context, set *swap.Set) ([]ActionOutcome, error) {
	var n note
	if err := json.Unmarshal(set.Note, &n); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	if err := r.swap(set, n); err != nil {
		return nil, fmt.Errorf("%w (the next command goes on with it)", err)
	}
	if err := r.provide(); err != nil {
		return nil, fmt.Errorf("%w (the next command goes on with it)", err)
	}
	r.fault("before actions")
	actions, broken := r.act(ctx, n.Actions)
	if broken != nil && !n.Back {
		back, err := r.goBack(ctx, set, n, r.undoing(n.Actions, actions))
		if err != nil { // not wrapped: what is pending then is the way back, the transaction itself has failed
			return append(actions, back...), fmt.Errorf("%w; going back to the former files: %v", broken, err)
		}
		return append(actions, back...), fmt.Errorf("%w; the former settings and files are back", broken)
	}
	settled := r.settle(actions, n.Actions)
	failed, told := r.tell(ctx, n.Change, n.Again)
	actions = append(actions, failed...)
	if err := errors.Join(settled, told, set.Done()); err != nil {
		// All is in place but the note of it: whoever comes next takes the actions once more.
		return actions, fmt.Errorf("%w: noting that all is done: %w", ErrPending, errors.Join(broken, err))
	}
	return actions, errors.Join(broken, pending(actions))
}

// provide makes what the files of services name and does not exist yet.
func (r *Registry) provide() error {
	for _, s := range r.services() {
		if p, ok := s.(provider); ok {
			if err := p.Provide(); err != nil {
				return err
			}
		}
	}
	return nil
}

// swap brings files and log to the disk side by side; both can be done again.
func (r *Registry) swap(set *swap.Set, n note) error {
	logged := make(chan error, 1)
	go func() { logged <- r.log().Append(n.Offset, n.Lines) }()
	swapped := 0
	err := set.Swap(func(string) {
		if swapped++; swapped == 2 {
			r.fault("mid swap")
		}
	})
	return errors.Join(err, <-logged)
}

// undoing returns the actions that bring the services back for which actions were taken: a server that the new settings
// have killed must be started again.
func (r *Registry) undoing(actions map[string]string, taken []ActionOutcome) map[string]string {
	back := map[string]string{}
	for _, o := range taken {
		if o.Skipped != "" {
			continue
		}
		back[o.service] = actions[o.service]
		if !r.service(o.service).Running() {
			back[o.service] = "start"
		}
	}
	return back
}

// goBack restores the former files as a new transaction of its own, for a service did not work with the new ones.
func (r *Registry) goBack(ctx context.Context, set *swap.Set, n note, actions map[string]string) ([]ActionOutcome, error) {
	// The way back is swapped like any other set, and a kill on it is finished like any other. Only the state is made anew:
	// serial numbers never go back, and the services must hear of the former files.
	files := slices.Clone(set.Former)
	at := slices.IndexFunc(files, func(f swap.File) bool { return f.Path == r.path(stateFile) })
	if at < 0 {
		return nil, errors.New("the journal does not hold the state")
	}
	data := files[at].Data
	if files[at].Remove {
		data = []byte("{}")
	}
	s, err := state.Decode(data)
	if err != nil {
		return nil, err
	}
	s.Serial = n.ID + 1
	maps.Copy(s.Pending, actions)
	if files[at], err = r.encodeState(s); err != nil {
		return nil, err
	}
	back := note{ID: s.Serial, Actions: actions, Back: true}
	if back.Lines, err = history.Undo(back.ID, n.Lines); err != nil {
		return nil, err
	}
	if back.Offset, err = r.log().Size(); err != nil {
		return nil, err
	}
	returning, err := stageNote(r.path(stateDir), files, back)
	if err != nil {
		return nil, err
	}
	if err := returning.Commit(); err != nil {
		return nil, err
	}
	return r.complete(ctx, returning)
}
