package syncrepl

import (
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
)

// The object identifiers of RFC 4533 §2.
const (
	OID      = "1.3.6.1.4.1.4203.1.9.1.1"
	oidState = "1.3.6.1.4.1.4203.1.9.1.2"
	oidDone  = "1.3.6.1.4.1.4203.1.9.1.3"
	oidInfo  = "1.3.6.1.4.1.4203.1.9.1.4"
)

// The modes of a session.
const (
	refreshOnly       = 1
	refreshAndPersist = 3
)

// controls builds those of a session's search (RFC 4533 §2.2).
func controls(mode int, cookie []byte) [][]byte {
	sync := [][]byte{wire.Integer(wire.TagEnumerated, mode)}
	if len(cookie) > 0 {
		sync = append(sync, wire.Element(wire.TagOctets, cookie))
	}
	return [][]byte{
		wire.Control(OID, true, wire.Element(wire.TagSequence, sync...)),
		wire.Control(search.OIDManageDsaIT, false, nil),
	}
}
