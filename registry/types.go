package registry

import (
	"errors"

	"github.com/mailreg/mailreg/registry/settings"
)

// The words of package settings that belong to the registry's own.
type (
	// View is the merged registry at one moment.
	View = settings.View
	// Layer is one of the five layers of settings.
	Layer = settings.Layer
	// Candidate is the value that one layer has for a key.
	Candidate = settings.Candidate
	// Pair is a key with its merged value.
	Pair = settings.Pair
)

// The layers, low to high.
const (
	Default  = settings.Default
	Normal   = settings.Normal
	LDAP     = settings.LDAP
	Schedule = settings.Schedule
	Forced   = settings.Forced
)

// ParseLayer returns the writable layer of that name.
func ParseLayer(name string) (Layer, error) { return settings.ParseLayer(name) }

// Edit is one transaction: all of it happens, or none.
type Edit struct {
	// Layer is the layer to write; the zero value means Normal.
	Layer Layer
	// Set are the assignments in order; the last of one key wins.
	Set []Assignment
	// Unset are the keys to remove from the layer.
	Unset []string
	// Internal lets read-only variables be set: the daemon's own writing.
	Internal bool
	// IgnoreCheck sets values that do not fit their declared type or each other, for who insists; syntax of keys, accounts
	// and layout of the stores, and checks of services stay.
	IgnoreCheck bool
	// Skip leaves out the keys that are refused for their own sake and changes the others, as the peer does; KeyOutcome
	// tells why. What concerns the whole (cross-checks, files, services) still refuses all.
	Skip bool
	// DryRun stops before anything is written.
	DryRun bool
	// NoReload leaves out service actions.
	NoReload bool
	// undoes is the transaction that this one takes back.
	undoes int64
}

// Assignment gives a key a value.
type Assignment struct {
	Key, Value string
	// IfUnset leaves a key alone that the layer sets already (KEY?VALUE).
	IfUnset bool
}

// Outcome tells what a transaction did, or with DryRun would do.
type Outcome struct {
	// Keys are the edited keys in the order of the call.
	Keys []KeyOutcome
	// Files are the replaced files, as paths below the root, in order.
	Files []string
	// Actions are the service actions, one per service.
	Actions []ActionOutcome
	// Undoes is the transaction that Undo has taken back.
	Undoes int64
	// Unknown are the files that a commit with CommitOptions.Skip has passed over.
	Unknown []string
	// Warnings are lines for a person, without prefix.
	Warnings []string
}

// KeyOutcome is what happened to one key.
type KeyOutcome struct {
	Key string
	// Verb is Create, Setting, Not updating or Unsetting; Not setting or Not unsetting when it was refused; empty when an
	// unset key was not there.
	Verb string
	// HiddenBy is the higher layer whose value stays in force, Default when none does.
	HiddenBy Layer
	// Refusal says why the key was left alone, with Edit.Skip; beside another verb, in which way a value that was set does
	// not fit its type, with Edit.IgnoreCheck. Otherwise it is nil.
	Refusal *Refusal
}

// ActionOutcome is a service action.
type ActionOutcome struct {
	// Verb is Reload, Restart or Start, Unit the name of the service as systemd knows it.
	Verb, Unit string
	service    string
	// Skipped says why nothing was done, such as "not running".
	Skipped string
	// Err is why it failed; the action stays pending then.
	Err error
}

// ErrPending says that everything is written but a service action failed; it is kept and tried again.
var ErrPending = errors.New("a service action is pending")

// CommitOptions narrows a commit.
type CommitOptions struct {
	// Files are the outputs to commit, as paths below the root; all when empty.
	Files []string
	// Skip passes over files that no template makes, or not with these settings, instead of refusing all.
	Skip bool
	// Typed refuses values in layer files edited by hand that do not fit their variables' types. Without it a commit takes
	// them as they stand: somebody may have set them with IgnoreCheck.
	Typed bool
	// DryRun and NoReload are those of Edit.
	DryRun, NoReload bool
}

// FileDiff is a file with a unified diff of its live bytes against the rendered ones.
type FileDiff struct{ Path, Diff string }
