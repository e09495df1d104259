package ucr

import (
	"context"
	"errors"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema/plain"
)

// set changes what can be changed and says of each key what became of it.
func (p *Program) set(ctx context.Context) error {
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	edit := registry.Edit{Layer: p.call.layer(), Skip: true}
	// The peer's switch works the wrong way round; here it does what its documentation says.
	edit.IgnoreCheck = p.call.has("ignore-check") || !view.Bool("ucr/check/type")
	for _, arg := range p.call.args {
		at := strings.IndexAny(arg, "=?")
		if at < 0 {
			p.warnf("Missing value for config registry variable '%s'", arg)
			continue
		}
		edit.Set = append(edit.Set, registry.Assignment{Key: arg[:at], Value: arg[at+1:], IfUnset: arg[at] == '?'})
	}
	if len(edit.Set) == 0 {
		return nil
	}
	return p.change(ctx, view, edit)
}

// unset keeps to the peer in that a key that is not there is a warning.
func (p *Program) unset(ctx context.Context) error {
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	return p.change(ctx, view, registry.Edit{Layer: p.call.layer(), Unset: p.call.args, Skip: true})
}

// change carries out an edit and reports it: the lines of the keys come first, then what followed from them.
func (p *Program) change(ctx context.Context, view *registry.View, edit registry.Edit) error {
	outcome, err := p.Registry.Change(ctx, edit)
	if err != nil && !errors.Is(err, registry.ErrPending) {
		p.warnings(outcome)
		return err
	}
	for _, key := range outcome.Keys {
		p.reportKey(view, edit, key)
	}
	p.report(outcome)
	return nil
}

// reportKey prints the peer's lines for one key.
func (p *Program) reportKey(view *registry.View, edit registry.Edit, key registry.KeyOutcome) {
	if key.Verb == "" {
		p.warnf("The config registry variable '%s' does not exist", key.Key)
		return // nothing has changed that could be hidden
	}
	p.printf("%s %s\n", key.Verb, plain.Line(key.Key))
	left := strings.HasPrefix(key.Verb, "Not ")
	switch r := key.Refusal; {
	case r == nil:
	case left:
		p.errorf("%v", r)
		p.code = exitFailed
		if r.Reason == registry.BadValue {
			p.code = exitMisfit
		}
	default:
		p.warnf("Value %s incompatible for '%s', but setting anyway: it %v", shownValue(view, edit, key.Key), key.Key, clause(r))
	}
	switch {
	case left || key.HiddenBy == registry.Default:
	case key.Verb == "Unsetting":
		p.warnf("%s is still set in scope %q", key.Key, key.HiddenBy)
	default:
		p.warnf("%s is overridden by scope %q", key.Key, key.HiddenBy)
	}
}

// shownValue returns the value that an edit gives a key as a message may show it.
func shownValue(view *registry.View, edit registry.Edit, key string) string {
	if d, _ := view.Declaration(key); d.Secret {
		return shownSecret
	}
	value := ""
	for _, set := range edit.Set {
		if set.Key == key {
			value = set.Value
		}
	}
	return "'" + value + "'"
}

// clause returns what a refusal wants of a value, such as "must be a whole number".
func clause(r *registry.Refusal) error {
	if wanted := errors.Unwrap(r.Err); wanted != nil {
		return wanted
	}
	return r.Err
}

// report prints what followed from a change or commit. An action that failed does not fail the call: its settings are in
// force, and scripts of the peer's, which never learn of such a failure, go on. It stays pending and is tried again.
func (p *Program) report(outcome registry.Outcome) {
	p.warnings(outcome)
	for _, file := range outcome.Files {
		p.printf("File: %s\n", file)
	}
	for _, action := range outcome.Actions {
		switch {
		case action.Err != nil:
			p.warnf("%s of %s failed and is pending: %v", action.Verb, action.Unit, action.Err)
		case action.Skipped == "":
			p.printf("%s: %s\n", action.Verb, action.Unit)
		}
	}
}

func (p *Program) warnings(outcome registry.Outcome) {
	for _, warning := range outcome.Warnings {
		p.warnf("%s", warning)
	}
}
