package psearch

import (
	"fmt"

	"github.com/mailreg/mailreg/listener/wire"
)

// OID is the control of the request, oidChange that of each entry (draft §4 and §5).
const (
	OID       = "2.16.840.1.113730.3.4.3"
	oidChange = "2.16.840.1.113730.3.4.7"
)

// The types of changes; they are also the bits of the mask in the request.
const (
	changeAdd    = 1
	changeDelete = 2
	changeModify = 4
	changeRename = 8
)

// control asks for changes of all types from now on, with what kind each is.
func control() []byte {
	return wire.Control(OID, true, wire.Element(wire.TagSequence,
		wire.Integer(wire.TagInteger, changeAdd|changeDelete|changeModify|changeRename),
		wire.Boolean(true), // changes only
		wire.Boolean(true), // with entry change notifications
	))
}

// change is an entry change notification. The change number that some servers give is of no use: nothing can be asked
// from it on.
type change struct {
	kind int64
	// previousDN is the name before a rename.
	previousDN string
}

func parseChange(control string) (c change, err error) {
	rest, _, err := wire.Expect(control, wire.TagSequence)
	if err != nil {
		return change{}, err
	}
	kind, rest, err := wire.Expect(rest, wire.TagEnumerated)
	if err != nil {
		return change{}, err
	}
	if c.kind, err = wire.Number(kind); err != nil {
		return change{}, err
	}
	switch c.kind {
	case changeAdd, changeDelete, changeModify, changeRename:
	default:
		return change{}, fmt.Errorf("%w: change type %d", wire.ErrFormat, c.kind)
	}
	if rest == "" || rest[0] != wire.TagOctets {
		return c, nil // both further members may be missing
	}
	c.previousDN, _, err = wire.Expect(rest, wire.TagOctets)
	return c, err
}
