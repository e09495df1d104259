package registry

import "errors"

// Refusal says why a transaction may not touch one key. The error of Change holds one for each key that is at fault:
// Refusals finds them. What is refused for another reason, such as a template that cannot be rendered, has none.
type Refusal struct {
	// Key is the key as it was given; for a Conflict the first of those that do not fit together.
	Key string
	// Reason is the kind of fault, for programs.
	Reason Reason
	// Err says for a person what is wrong, with the key in it and never a secret.
	Err error
}

// Reason is the kind of a Refusal.
type Reason string

// The reasons for which a key is refused.
const (
	// BadKey is a key that is no name of a variable.
	BadKey Reason = "key"
	// BadValue is a value that does not fit the variable's type; Edit.IgnoreCheck lets it pass.
	BadValue Reason = "value"
	// NotText is a value that is not UTF-8.
	NotText Reason = "text"
	// ReadOnly is a variable that only the daemon writes.
	ReadOnly Reason = "read-only"
	// WrongLayer is a secret in a layer that keeps none.
	WrongLayer Reason = "layer"
	// Conflict is a value that does not fit other variables, or this host.
	Conflict Reason = "conflict"
)

// Error is the text of Err.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// Refusals returns the refusals that an error holds, in the order of the call.
func Refusals(err error) []*Refusal {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Refusal
		for _, one := range joined.Unwrap() {
			all = append(all, Refusals(one)...)
		}
		return all
	}
	var r *Refusal
	if errors.As(err, &r) {
		return []*Refusal{r}
	}
	return nil
}
