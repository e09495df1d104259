package transfer

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/handlers/transfer/ledger"
	"github.com/mailreg/mailreg/schema"
)

// maxFile bounds the file of a move; one with some thousands of mailboxes takes half a megabyte.
const maxFile = 16 << 20

// journal keeps the moves on the disk: var/lib/mailreg/transfer/{out,in}/<uuid>.json below the root.
type journal struct{ root string }

func (j journal) dir(d Direction) string { return ledger.Dir(j.root, string(d)) }

// open opens the folder of a direction, made when it is missing.
func (j journal) open(d Direction) (*confine.Dir, error) {
	if err := os.MkdirAll(j.dir(d), 0o700); err != nil {
		return nil, err
	}
	return confine.Open(j.dir(d), nil)
}

// save brings a move to the disk.
func (j journal) save(d Direction, m *Move) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing down the move of %s: %w", m.Address, err)
	}
	dir, err := j.open(d)
	if err != nil {
		return fmt.Errorf("writing down the move of %s: %w", m.Address, err)
	}
	defer dir.Close()
	if err := dir.Replace(fileName(m.UUID), append(data, '\n'), confine.Caller()); err != nil {
		return fmt.Errorf("writing down the move of %s: %w", m.Address, err)
	}
	return nil
}

// remove forgets a move.
func (j journal) remove(d Direction, uuid schema.UUID) error {
	dir, err := j.open(d)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Remove(fileName(uuid)); err != nil {
		return err
	}
	return dir.Sync()
}

// load returns the moves of a direction.
func (j journal) load(d Direction) (map[schema.UUID]*Move, error) {
	dir, err := j.open(d)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	all := map[schema.UUID]*Move{}
	for _, name := range names {
		if !strings.HasSuffix(name, ledger.Suffix) || strings.HasPrefix(name, ".") {
			continue
		}
		data, err := dir.Read(name, maxFile)
		if err != nil {
			return nil, err
		}
		m := &Move{}
		if err := json.Unmarshal(data, m); err != nil {
			return nil, fmt.Errorf("reading the move %s: %w", dir.Path(name), err)
		}
		all[m.UUID] = m
	}
	return all, nil
}

func fileName(uuid schema.UUID) string { return uuid.String() + ledger.Suffix }
