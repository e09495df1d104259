package maildir

import (
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// MarkName is the owner mark's file in a mail home.
const MarkName = ".mailreg-owner"

// smallFile bounds what is read of marks, infos and records: the mail user may have put anything there.
const smallFile = 4096

// mark says whose a store is.
type mark struct {
	Version int         `json:"version"`
	UUID    schema.UUID `json:"uuid"`
	Address string      `json:"address"`
	Time    time.Time   `json:"time"`

	address schema.Address
}

func newMark(o backend.Owner, now time.Time) mark {
	return mark{Version: 1, UUID: o.UUID, Address: o.Address.String(), Time: now.UTC().Truncate(time.Second), address: o.Address}
}

func (m mark) bytes() []byte { return line(m) }

// line prints v as one line of JSON. The types given to it always marshal.
func line(v any) []byte {
	data, _ := json.Marshal(v)
	return append(data, '\n')
}

// readMark returns the owner mark of an open home; found is false when it has none. A mark that cannot be read is
// invalid data: whose the store is must be decided by a person.
func readMark(home *confine.Dir) (m mark, found bool, err error) {
	data, err := home.Read(MarkName, smallFile)
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return mark{}, false, schema.Invalidf("owner mark %s: %w", home.Path(MarkName), err)
	}
	if m.address, err = schema.ParseAddress(m.Address); err != nil || m.Version != 1 || m.UUID.IsZero() {
		return mark{}, false, schema.Invalidf("owner mark %s names no owner", home.Path(MarkName))
	}
	return m, true, nil
}
