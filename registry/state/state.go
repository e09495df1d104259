// Package state is the registry's memory from one transaction to the next: what was written, what it depends on, and what
// services still have to be told. It is swapped together with the files that it speaks of, so that it never disagrees with
// them.
package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/templates"
)

// State is state.json, which only its owner may read.
type State struct {
	// Serial is the ID of the last transaction.
	Serial int64 `json:"serial"`
	// Outputs tells by path below the root what was last written.
	Outputs map[string]Record `json:"outputs,omitempty"`
	// Pending are the actions that services still need: reload or restart by the name of the service.
	Pending map[string]string `json:"pending,omitempty"`
	// Trouble tells of those that were tried in vain, by the name of the service.
	Trouble map[string]Trouble `json:"trouble,omitempty"`
	// Acted are hashes of the values that services have been told of, for the keys whose declaration names an action.
	Acted map[string]string `json:"acted,omitempty"`
	// Inputs are short hashes of the files that all is generated from, by path as the system knows it, as transactions have
	// brought them into force; nil before the first one.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Owed are the changes that programs have still to be told of, in order.
	Owed []Owed `json:"owed,omitempty"`
	// Spool says that there were mail homes: a folder without any is not the spool then.
	Spool bool `json:"spool,omitempty"`

	read []byte // the bytes that it was read from
}

// Trouble is why an action is still pending.
type Trouble struct {
	// Since is when it was first tried in vain, Error what went wrong the last time.
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// Owed is a change that one of the administrator's programs was told of in vain, and is told again.
type Owed struct {
	// Program is its name, Change what it gets to read.
	Program string          `json:"program"`
	Change  json.RawMessage `json:"change"`
	Trouble
}

// Settle notes the outcome of a pending action: a failed one stays.
func (s *State) Settle(service string, failed error, now time.Time) {
	if failed == nil {
		delete(s.Pending, service)
		delete(s.Trouble, service)
		return
	}
	trouble := s.Trouble[service]
	trouble.Fail(failed, now)
	s.Trouble[service] = trouble
}

// Fail notes one more failure.
func (t *Trouble) Fail(failed error, now time.Time) {
	if t.Since.IsZero() {
		t.Since = now
	}
	t.Error = failed.Error()
}

// Due returns what the programs of the given names are to be told: with again set what they are owed, which State no longer
// holds then, and a change, nil for none. A program that is no longer there is owed nothing.
func (s *State) Due(programs []string, change json.RawMessage, again bool) (due []Owed) {
	if again {
		due = slices.DeleteFunc(s.Owed, func(o Owed) bool { return !slices.Contains(programs, o.Program) })
		s.Owed = nil
	}
	for _, program := range programs {
		if change != nil {
			due = append(due, Owed{Program: program, Change: change})
		}
	}
	for i, o := range due {
		var text bytes.Buffer // the file is indented, and so is what it holds
		if json.Compact(&text, o.Change) == nil {
			due[i].Change = text.Bytes()
		}
	}
	return due
}

// Record is one output as it was last written.
type Record struct {
	Service string `json:"service"`
	Hash    string `json:"hash"`
	Uses    Uses   `json:"uses,omitzero"`
	// Map is the path of the indexed map made from it, "" for none.
	Map string `json:"map,omitempty"`
	// Manifest declared it, Parts are the templates that it was joined from, if there were several.
	Manifest string   `json:"manifest,omitempty"`
	Parts    []string `json:"parts,omitempty"`
	// Former is the path below the root of the copy of what was there before the first writing, "" for none; Found says that
	// it was the same already, and has stayed so.
	Former string `json:"former,omitempty"`
	Found  bool   `json:"found,omitempty"`
}

// Uses is templates.Uses in few and long words: hundreds of outputs with dozens of keys each are read before every change.
type Uses struct {
	Keys     Lines `json:"keys,omitempty"`
	Prefixes Lines `json:"prefixes,omitempty"`
	Files    Lines `json:"files,omitempty"`
	Versions Lines `json:"versions,omitempty"`
}

// UsesOf returns what a rendering has looked at as a Record keeps it.
func UsesOf(u templates.Uses) Uses {
	return Uses{linesOf(u.Keys), linesOf(u.Prefixes), linesOf(u.Files), linesOf(u.Versions)}
}

// Lines are texts without line ends, such as keys, each of which ends one line.
type Lines string

func linesOf(texts []string) Lines {
	if len(texts) == 0 {
		return ""
	}
	return Lines(strings.Join(texts, "\n") + "\n")
}

// All returns the texts.
func (l Lines) All() []string {
	if l == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(l), "\n"), "\n")
}

// Has reports whether a text is one of them.
func (l Lines) Has(text string) bool {
	for rest := string(l); ; {
		at := strings.Index(rest, text+"\n")
		if at < 0 {
			return false
		}
		if before := len(l) - len(rest) + at; before == 0 || l[before-1] == '\n' {
			return true
		}
		rest = rest[at+1:]
	}
}

// Read reads the state; where there is no file, nothing has happened yet.
func Read(path string) (*State, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		s, _ := Decode([]byte("{}")) // nothing can be wrong with it
		s.read, err = s.Encode()
		return s, err
	}
	if err != nil {
		return nil, err
	}
	s, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	s.read = data
	return s, nil
}

// Owes reports whether the state in a file may hold programs that are owed, without taking in all of it.
func Owes(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Contains(data, []byte(`"owed":`)), err
}

// Unchanged reports whether the bytes of a file are those that Read has read.
func (s *State) Unchanged(encoded []byte) bool { return bytes.Equal(s.read, encoded) }

// Decode returns the state that the bytes of a file hold. Its maps are never nil.
func Decode(data []byte) (*State, error) {
	s := &State{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, err
	}
	for _, m := range []*map[string]string{&s.Pending, &s.Acted} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	if s.Outputs == nil {
		s.Outputs = map[string]Record{}
	}
	if s.Trouble == nil {
		s.Trouble = map[string]Trouble{}
	}
	return s, nil
}

// Clone returns a copy that can be changed by itself; the records are shared.
func (s *State) Clone() *State {
	c := *s
	c.Outputs, c.Pending = maps.Clone(s.Outputs), maps.Clone(s.Pending)
	c.Owed = slices.Clone(s.Owed)
	c.Trouble, c.Acted, c.Inputs = maps.Clone(s.Trouble), maps.Clone(s.Acted), maps.Clone(s.Inputs)
	return &c
}

// Encode returns the bytes of the file.
func (s *State) Encode() ([]byte, error) {
	data, err := json.Marshal(s)
	return append(data, '\n'), err
}

// Drives returns the files below the root that depend on a key, sorted: those that have been written so far.
func (s *State) Drives(key string) []string {
	var files []string
	for path, rec := range s.Outputs {
		byPrefix := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
		if rec.Uses.Keys.Has(key) || slices.ContainsFunc(rec.Uses.Prefixes.All(), byPrefix) {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files
}

// Hash returns what a Record knows of a file's content.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
