package registry

import "time"

// View is the merged registry at one moment; it never changes. Its accessors answer with the declared default when no
// layer sets a key.
type View struct{}

// Pair is a key with its merged value.
type Pair struct{ Key, Value string }

// Get returns the merged value of a key, and whether any layer or default has one.
func (v *View) Get(key string) (string, bool) { return "", false }

// String returns the merged value, "" when there is none.
func (v *View) String(key string) string { return "" }

// Bool reports whether the value is one of yes, true, 1, on, enable, enabled in any case.
func (v *View) Bool(key string) bool { return false }

// Int returns the value as a number, 0 when it is none.
func (v *View) Int(key string) int64 { return 0 }

// Duration returns the value as a duration ("7d", "5 mins", "60s"), 0 when it is none.
func (v *View) Duration(key string) time.Duration { return 0 }

// List returns the elements of a list.
func (v *View) List(key string) []string { return nil }

// Prefix returns the set keys that begin with a prefix, sorted by leading number and then by text.
func (v *View) Prefix(prefix string) []Pair { return nil }

// FQDN returns hostname.domainname in lower case, or an error that names the keys to set.
func (v *View) FQDN() (string, error) { return "", nil }
