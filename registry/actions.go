package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/state"
)

// planActions works out which service needs what: for its changed files, for changed keys whose declaration names an
// action and, in a commit, for what is still pending.
func (t *transaction) planActions() {
	touched := map[string]bool{}
	for _, o := range t.plan.Outputs {
		touched[o.Service] = true
		addAction(t.actions, o.Service, "reload")
	}
	first := len(t.state.Acted) == 0
	before, after := actionKeys(t.old), actionKeys(t.view)
	if t.job.edit == nil {
		before = t.state.Acted // a layer file may have been edited by hand: what services know is what counts
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
		return unknown || t.job.noReload || t.r.service(service) == nil || !t.plan.Enabled(t.view, service)
	})
	for service, action := range t.actions {
		if s, ok := t.r.service(service).(restarter); ok && s.RestartOnly() && action == "reload" {
			t.actions[service] = "restart"
		}
	}
	if !t.job.dryRun {
		return
	}
	for _, s := range t.r.concerned(t.actions) {
		t.out.Actions = append(t.out.Actions, actionOutcome(s, t.actions[s.Name()]))
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

// actionKeys returns a hash of the value of each key whose declaration names a service action. A hash is enough to see a
// difference, and tells nothing to who reads the state.
func actionKeys(v *View) map[string]string {
	keys := map[string]string{}
	for _, pair := range v.Acting() {
		sum := sha256.Sum256([]byte(pair.Value))
		keys[pair.Key] = hex.EncodeToString(sum[:8])
	}
	return keys
}

// keyActions adds the actions of the keys that differ between two results of actionKeys.
func keyActions(actions map[string]string, v *View, before, after map[string]string) {
	compare := func(key string) {
		if d, _ := v.Declaration(key); before[key] != after[key] && d.Service != "" {
			addAction(actions, d.Service, d.Action)
		}
	}
	for key := range before {
		compare(key)
	}
	for key := range after {
		compare(key)
	}
}

// addAction notes an action; the one that does more wins.
func addAction(actions map[string]string, service, action string) {
	// A start is a restart even for a server that is down; a restart reads all that a reload does, and listens anew.
	weight := map[string]int{"": 0, "reload": 1, "restart": 2, "start": 3}
	if action = cmp.Or(action, "reload"); weight[action] > weight[actions[service]] {
		actions[service] = action
	}
}

// concerned returns the services that actions name, in the order in which they are told: that of their list, in which
// Postfix, who makes its queue with the folder of sockets, comes before Dovecot, who listens there. The journal of another
// version may name a service that is no more; it is passed over.
func (r *Registry) concerned(actions map[string]string) []Service {
	return slices.DeleteFunc(slices.Clone(r.services()), func(s Service) bool {
		_, named := actions[s.Name()]
		return !named
	})
}

// act takes the actions, one service after the other. broken says which service does not work any more after its action
// had gone well. Who interrupts a transaction now does not stop it: a server that was not looked at to the end counted as
// broken, or a broken one as fine. Each step has its time limit, and whoever is killed leaves the rest to the next command.
func (r *Registry) act(ctx context.Context, actions map[string]string) (done []ActionOutcome, broken error) {
	ctx = context.WithoutCancel(ctx)
	for _, s := range r.concerned(actions) {
		action := actions[s.Name()]
		outcome := actionOutcome(s, action)
		if outcome.Skipped == "" {
			outcome.Err = s.Act(ctx, action)
		}
		if outcome.Skipped == "" && outcome.Err == nil {
			if err := s.Verify(ctx); err != nil {
				broken = errors.Join(broken, fmt.Errorf("%s does not work with the new settings: %w", s.Unit(), err))
			}
		}
		done = append(done, outcome)
	}
	return done, broken
}

// Restart restarts a service that runs for this root, after a transaction that is under way: for what a server remembers and
// cannot be told to forget.
func (r *Registry) Restart(ctx context.Context, name string) error {
	s := r.service(name)
	if s == nil {
		return fmt.Errorf("service %q is not known", name)
	}
	if actionOutcome(s, "restart").Skipped != "" {
		return nil
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.Act(ctx, "restart"); err != nil {
		return fmt.Errorf("restart of %s: %w", s.Unit(), err)
	}
	return s.Verify(ctx)
}

// actionOutcome tells what an action is called, and why it is left out.
func actionOutcome(s Service, action string) ActionOutcome {
	verbs := map[string]string{"reload": "Reload", "restart": "Restart", "start": "Start"}
	o := ActionOutcome{Verb: verbs[action], Unit: s.Unit(), service: s.Name()}
	switch {
	case !s.Installed():
		o.Skipped = "not installed"
	case action != "start" && !s.Running():
		o.Skipped = "not running"
	}
	return o
}

// settle crosses actions off the state that are done or were not needed.
func (r *Registry) settle(outcomes []ActionOutcome, actions map[string]string) error {
	if len(actions) == 0 {
		return nil
	}
	// Read again: the state in force is that of the journal, whoever has written it.
	s, err := state.Read(r.path(stateFile))
	if err != nil {
		return err
	}
	for name := range actions {
		var failed error
		for _, o := range outcomes {
			if o.service == name {
				failed = errors.Join(failed, o.Err)
			}
		}
		s.Settle(name, failed, r.now().Truncate(time.Second))
	}
	return r.saveState(s)
}

// retry takes actions that no file change has caused; with again set, programs that have failed before are run as well.
func (r *Registry) retry(ctx context.Context, actions map[string]string, again bool) ([]ActionOutcome, error) {
	outcomes, broken := r.act(ctx, actions)
	if broken != nil {
		return outcomes, broken // stays pending: there are no former files to go back to
	}
	settled := r.settle(outcomes, actions)
	failed, told := r.tell(ctx, nil, again)
	outcomes = append(outcomes, failed...)
	return outcomes, errors.Join(settled, told, pending(outcomes))
}

// pending wraps the errors of actions in ErrPending.
func pending(outcomes []ActionOutcome) error {
	var lines bytes.Buffer
	for _, o := range outcomes {
		if o.Err != nil {
			fmt.Fprintf(&lines, ": %s of %s: %v", strings.ToLower(o.Verb), o.Unit, o.Err)
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	return fmt.Errorf("%w%s", ErrPending, lines.String())
}

// Pending returns the actions that services still need, reload or restart by the name of the service.
func (r *Registry) Pending() (map[string]string, error) {
	s, err := state.Read(r.path(stateFile))
	if err != nil {
		return nil, err
	}
	return s.Pending, nil
}
