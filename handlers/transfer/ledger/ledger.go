// Package ledger reads what the disk says of the users on their way between mail home servers, for who does not move any. It
// is apart from package transfer because the command line starts without the network code that moves need.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Suffix ends the name of each move's file; what is being written has a point in front.
const Suffix = ".json"

// Dir returns the folder of the moves of a direction (out, in) below a root.
func Dir(root, direction string) string {
	return filepath.Join(root, "var/lib/mailreg/transfer", direction)
}

// Move is what a person is told of a move. The names in JSON are those of transfer.Move, which is written.
type Move struct {
	UUID schema.UUID `json:"uuid"`
	DN   string      `json:"dn"`
	// Direction is out for a user who leaves this host, in for one who comes; it is that of the folder.
	Direction string `json:"-"`
	// Address is the primary address from now on.
	Address schema.Address `json:"address"`
	Peer    string         `json:"peer"`
	// State is one of those of package transfer; Since is when the move began, Entered when the state did.
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Entered   time.Time `json:"entered"`
	Ahead     bool      `json:"ahead"`
	Hold      bool      `json:"hold"`
	NotBefore time.Time `json:"not_before"`
	// Passes counts the copies, Bytes is what they have sent.
	Passes int           `json:"passes"`
	Bytes  int64         `json:"bytes"`
	Freeze time.Duration `json:"freeze"`
}

// Read returns the moves of the host of a root, the oldest first. A host that has never moved anybody has none. A file that
// cannot be read keeps no other from being told; only the daemon's account may read them.
func Read(root string) ([]Move, error) {
	var all []Move
	var failed []error
	for _, direction := range []string{"out", "in"} {
		dir := Dir(root, direction)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("reading the moves: %w", err))
		}
		for _, entry := range entries {
			name := entry.Name()
			if !strings.HasSuffix(name, Suffix) || strings.HasPrefix(name, ".") {
				continue
			}
			m, err := read(filepath.Join(dir, name))
			switch {
			case errors.Is(err, fs.ErrNotExist): // it has just ended
			case err != nil:
				failed = append(failed, err)
			default:
				m.Direction = direction
				all = append(all, m)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Move) int { return a.Since.Compare(b.Since) })
	return all, errors.Join(failed...)
}

func read(name string) (Move, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return Move{}, fmt.Errorf("reading a move: %w", err)
	}
	var m Move
	if err := json.Unmarshal(data, &m); err != nil {
		return Move{}, fmt.Errorf("reading the move %s: %w", name, err)
	}
	return m, nil
}
