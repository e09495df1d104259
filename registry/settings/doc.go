// Package settings is the half of the registry that reads: layers of keys and values, the declarations of variables, and
// the view that merges both. It writes nothing; package registry carries out edits and brings them into force.
package settings
