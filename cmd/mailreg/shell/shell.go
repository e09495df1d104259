// Package shell writes variables as assignments that a POSIX shell may evaluate: NAME=VALUE, where nothing of a value is
// ever more than the value.
package shell

import (
	"fmt"
	"strings"
)

// plain are the characters that mean nothing to a shell on the right side of an assignment.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-"

// Name returns the name that a variable has in the shell, as in the peer: "_" in the place of whatever is no ASCII letter
// or digit, and in front of a leading digit.
func Name(key string) string {
	var b strings.Builder
	for i, r := range key {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		digit := '0' <= r && r <= '9'
		if digit && i == 0 {
			b.WriteByte('_')
		}
		if letter || digit {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Quote returns a value as a word of the shell, in single quotes when it needs any.
func Quote(value string) string {
	if value != "" && strings.Trim(value, plain) == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'"'"'`) + "'"
}

// Writer turns variables into assignments, one after the other, and sees what would go wrong.
type Writer struct {
	// Warn is told what a person should know: a variable that is left out, two of one name. It must not be nil.
	Warn  func(format string, args ...any)
	names map[string]string // by name, the key that has it
}

// Assignment returns "NAME=VALUE". ok is false for a variable that no shell can have without harm; it is left out.
func (w *Writer) Assignment(key, value string) (line string, ok bool) {
	name := Name(key)
	switch {
	case owned(name):
		w.Warn("%s is left out: %s is a name that the shell and its programs use", key, name)
		return "", false
	case strings.Contains(value, "\x00"):
		w.Warn("%s is left out: its value has a NUL character, which no shell can hold", key)
		return "", false
	}
	if other, taken := w.names[name]; taken && other != key {
		w.Warn("%s and %s are both %s in the shell: the last one counts", other, key, name)
	}
	if w.names == nil {
		w.names = map[string]string{}
	}
	w.names[name] = key
	return fmt.Sprintf("%s=%s", name, Quote(value)), true
}

// owned reports whether a name is one of those that POSIX keeps for the shell and the standard programs, such as PATH and
// IFS: those without a lower-case letter. A variable of that name must not turn the shell that reads it around.
func owned(name string) bool {
	return name == strings.ToUpper(name) && strings.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}
