package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/templates"
)

// state is what transactions remember, in state.json (0600): it changes together with the files it speaks of.
type state struct {
	// Serial is the ID of the last transaction.
	Serial int64 `json:"serial"`
	// Outputs tells by path below the root what was last written.
	Outputs map[string]record `json:"outputs,omitempty"`
	// Pending are the actions that services still need: reload or restart by the name of the service.
	Pending map[string]string `json:"pending,omitempty"`
	// Acted are hashes of the values that services have been told of, for the keys whose declaration names an action.
	Acted map[string]string `json:"acted,omitempty"`
}

// record is one output as it was last written.
type record struct {
	Service string         `json:"service"`
	Hash    string         `json:"hash"`
	Uses    templates.Uses `json:"uses"`
	// Map is the path of the indexed map made from it, "" for none.
	Map string `json:"map,omitempty"`
}

func (r *Registry) readState() (*state, error) {
	data, err := os.ReadFile(r.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		data = []byte("{}")
	} else if err != nil {
		return nil, err
	}
	s, err := decodeState(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.path(stateFile), err)
	}
	return s, nil
}

func decodeState(data []byte) (*state, error) {
	s := &state{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, err
	}
	for _, m := range []*map[string]string{&s.Pending, &s.Acted} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	if s.Outputs == nil {
		s.Outputs = map[string]record{}
	}
	return s, nil
}

func (s *state) encode() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", " ")
	return append(data, '\n'), err
}

// encodeState returns s as a file to be swapped.
func (r *Registry) encodeState(s *state) (swap.File, error) {
	data, err := s.encode()
	if err != nil {
		return swap.File{}, err
	}
	return ownFile(r.path(stateFile), data, 0o600), nil
}

// saveState writes s at once: for the outcome of actions, which are no part of the transaction.
func (r *Registry) saveState(s *state) error {
	file, err := r.encodeState(s)
	if err != nil {
		return err
	}
	return swap.Write(file)
}

// ownFile is a file that belongs to whoever runs this.
func ownFile(path string, data []byte, mode fs.FileMode) swap.File {
	return swap.File{Path: path, Data: data, Mode: mode, UID: os.Geteuid(), GID: os.Getegid()}
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Pending returns the actions that services still need, reload or restart by the name of the service.
func (r *Registry) Pending() (map[string]string, error) {
	s, err := r.readState()
	if err != nil {
		return nil, err
	}
	return s.Pending, nil
}

// Drives returns the files below the root that depend on a key, sorted: those that have been written so far. Users who may
// not see the state get none.
func (r *Registry) Drives(key string) ([]string, error) {
	s, err := r.readState()
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for path, rec := range s.Outputs {
		byPrefix := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
		if slices.Contains(rec.Uses.Keys, key) || slices.ContainsFunc(rec.Uses.Prefixes, byPrefix) {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files, nil
}
