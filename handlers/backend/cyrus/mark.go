package cyrus

import (
	"encoding/json"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// comment is the annotation that holds marks.
const comment = "/private/comment"

// mark says whose a store is.
type mark struct {
	Version int         `json:"mailreg"`
	UUID    schema.UUID `json:"uuid,omitzero"`
	Address string      `json:"address,omitempty"`
	Time    time.Time   `json:"time"`
	// Left says that the owner has another store: this one stayed behind when rename=no.
	Left bool `json:"left,omitempty"`
	// Making says that the store is new, and that folders may be missing.
	Making bool `json:"making,omitempty"`
	// Moving is where the store came from, as long as folders may still be there.
	Moving string `json:"moving,omitempty"`
	// Aside tells why the store was moved aside.
	Aside *info `json:"aside,omitempty"`
	// Lifted is the limit in KB that the store had into which this one is being merged, until that is done.
	Lifted int64 `json:"lifted,omitempty"`

	address schema.Address
}

// info is what is kept with a store that was moved aside.
type info struct {
	Cause backend.Cause `json:"cause"`
	Time  time.Time     `json:"time"`
	From  string        `json:"from"`
}

func newMark(o backend.Owner, now time.Time) mark {
	return mark{Version: 1, UUID: o.UUID, Address: o.Address.String(), Time: now.UTC().Truncate(time.Second), address: o.Address}
}

// settled reports whether a mark says nothing but that its owner has an address.
func (m mark) settled(a schema.Address) bool {
	return m.address == a && !m.Left && !m.Making && m.Moving == "" && m.Aside == nil
}

// bytes prints a mark, which always marshals.
func (m mark) bytes() []byte {
	data, _ := json.Marshal(m)
	return data
}

// parseMark reads an annotation; found is false when it is no mark of ours but what a person has noted.
func parseMark(mailbox string, data []byte) (m mark, found bool, err error) {
	var kind struct {
		Version *int `json:"mailreg"`
	}
	if json.Unmarshal(data, &kind) != nil || kind.Version == nil {
		return mark{}, false, nil
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return mark{}, false, schema.Invalidf("owner mark of %s: %w", mailbox, err)
	}
	if m.Address != "" {
		m.address, err = schema.ParseAddress(m.Address)
	}
	if err != nil || m.Version != 1 || m.UUID.IsZero() && m.Aside == nil || !m.UUID.IsZero() && m.Address == "" {
		return mark{}, false, schema.Invalidf("owner mark of %s names no owner", mailbox)
	}
	return m, true, nil
}

// store is what a look at a mailbox found.
type store struct {
	name   string
	found  bool
	marked bool
	mark   mark
	// followed says that no folder is left where it came from.
	followed bool
	// wrong says why the mark cannot be read.
	wrong error
}

func (s store) belongs(uuid schema.UUID) bool {
	return s.marked && s.mark.UUID == uuid && !uuid.IsZero()
}

// early reports whether a store holds only what was delivered to an owner before the store of theirs came.
func (s store) early(uuid schema.UUID) bool {
	return s.belongs(uuid) && s.mark.Aside != nil && s.mark.Aside.Cause == backend.Early
}
