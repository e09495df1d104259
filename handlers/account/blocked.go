package account

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/schema"
)

// Table is the name of the table of those who may not log in. A line is a name with the owner's UUID where passwd(5) has the
// comment.
const Table = "blocked"

// blocked is what the table holds: the names of each account. The file is the only memory of it.
type blocked map[schema.UUID][]string

// Blocked returns the names that are refused on the host of a root, by account.
func Blocked(root string) (map[schema.UUID][]string, error) {
	data, err := os.ReadFile(filepath.Join("/", root, "var/lib/mailreg/dovecot", Table))
	if errors.Is(err, fs.ErrNotExist) {
		return blocked{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading who is blocked: %w", err)
	}
	b := blocked{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(line, ":") // name, password, uid, gid, comment, ...
		if len(fields) < 5 {
			continue
		}
		if uuid, err := schema.ParseUUID(fields[4]); err == nil {
			b[uuid] = append(b[uuid], fields[0])
		}
	}
	return b, nil
}

// write replaces the table when it differs.
func (b blocked) write(tables *dovecot.Tables) error {
	var lines []string
	for _, uuid := range slices.SortedFunc(maps.Keys(b), schema.UUID.Compare) {
		for _, name := range b[uuid] {
			lines = append(lines, name+"::::"+uuid.String()+"::")
		}
	}
	_, err := tables.Write(Table, lines, true)
	return err
}

// set makes an account have these names refused and no others, and returns those that are new and those that are gone.
func (b blocked) set(uuid schema.UUID, names []string) (more, fewer []string) {
	more, fewer = without(names, b[uuid]), without(b[uuid], names)
	delete(b, uuid)
	if len(names) > 0 {
		b[uuid] = names
	}
	return more, fewer
}

// without returns the names of a list that are not in another one.
func without(names, others []string) (left []string) {
	for _, name := range names {
		if !slices.Contains(others, name) {
			left = append(left, name)
		}
	}
	return left
}
