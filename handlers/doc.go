// Package handlers is the room of the handlers: one folder each, which turns changes of directory entries into effects.
//
// A handler folder has the same three files: X.go (the type with Name, Match and Apply), plan.go (pure: old, new and
// settings in, actions out), X_test.go. Its package comment says Reads, Does, Registry keys, Failure.
package handlers
