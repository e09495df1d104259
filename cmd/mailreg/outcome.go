package main

import (
	"errors"

	"github.com/mailreg/mailreg/registry"
)

// outcomeJSON is what set, unset and commit print with --json. As everywhere in the JSON forms, lists are never null and
// names never change; what is printed for people may.
type outcomeJSON struct {
	Keys     []keyJSON    `json:"keys"`
	Files    []string     `json:"files"`
	Actions  []actionJSON `json:"actions"`
	Warnings []string     `json:"warnings"`
	// Undoes is the transaction that undo has taken back.
	Undoes int64 `json:"undoes,omitempty"`
}

type keyJSON struct {
	Key string `json:"key"`
	// Verb is create, set, keep or unset; "" when an unset key was not there.
	Verb     string `json:"verb"`
	HiddenBy string `json:"hidden_by,omitempty"`
}

type actionJSON struct {
	Verb    string `json:"verb"`
	Unit    string `json:"unit"`
	Skipped string `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// report prints what a transaction did and passes its error on. After an error other than a pending action nothing has
// happened, so nothing is printed but warnings. What cannot be printed has happened all the same.
func (a *app) report(outcome registry.Outcome, err error) error {
	a.changed = true
	for _, warning := range outcome.Warnings {
		a.warnf("%s", warning)
	}
	if err != nil && !errors.Is(err, registry.ErrPending) {
		return err
	}
	if a.json {
		_ = a.printJSON(outcomeToJSON(outcome)) // see above
		return err
	}
	if outcome.Undoes != 0 {
		a.printf("Undoing %d\n", outcome.Undoes)
	}
	for _, key := range outcome.Keys {
		a.reportKey(key)
	}
	for _, file := range outcome.Files {
		a.printf("File: %s\n", file)
	}
	for _, action := range outcome.Actions {
		a.reportAction(action)
	}
	return err
}

// reportKey prints the peer's words for what happened to a key, and warns when the layers above hide it.
func (a *app) reportKey(key registry.KeyOutcome) {
	switch {
	case key.Verb == "":
		a.warnf("%s does not exist", key.Key)
	default:
		a.printf("%s %s\n", key.Verb, key.Key)
	}
	if key.Refusal != nil {
		a.warnf("%v; it is set all the same", key.Refusal)
	}
	switch {
	case key.HiddenBy == registry.Default:
	case key.Verb == "" || key.Verb == "Unsetting":
		a.warnf("%s is still set in scope %q", key.Key, key.HiddenBy)
	default:
		a.warnf("%s is overridden by scope %q", key.Key, key.HiddenBy)
	}
}

// reportAction prints one line for each service; what failed goes to stderr, because it is not done.
func (a *app) reportAction(action registry.ActionOutcome) {
	switch {
	case action.Err != nil:
		a.errorf("%s of %s failed and is pending: %v", action.Verb, action.Unit, action.Err)
	case action.Skipped != "":
		a.printf("Skipped: %s (%s)\n", action.Unit, action.Skipped)
	default:
		a.printf("%s: %s\n", action.Verb, action.Unit)
	}
}

// outcomeToJSON gives programs words of their own for what happened, so that the peer's may change.
func outcomeToJSON(outcome registry.Outcome) outcomeJSON {
	// The peer's words are for people: "Not updating" is no name for a program to compare.
	verbs := map[string]string{"Create": "create", "Setting": "set", "Not updating": "keep", "Unsetting": "unset"}
	out := outcomeJSON{
		Undoes: outcome.Undoes,
		Keys:   []keyJSON{}, Actions: []actionJSON{},
		Files: append([]string{}, outcome.Files...), Warnings: append([]string{}, outcome.Warnings...),
	}
	for _, key := range outcome.Keys {
		k := keyJSON{Key: key.Key, Verb: verbs[key.Verb]}
		if key.HiddenBy != registry.Default {
			k.HiddenBy = key.HiddenBy.String()
		}
		out.Keys = append(out.Keys, k)
	}
	for _, action := range outcome.Actions {
		act := actionJSON{Verb: action.Verb, Unit: action.Unit, Skipped: action.Skipped}
		if action.Err != nil {
			act.Error = action.Err.Error()
		}
		out.Actions = append(out.Actions, act)
	}
	return out
}
