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

const refreshAndPersist = 3

// controls builds those of a session's search (RFC 4533 §2.2).
func controls(cookie []byte) [][]byte {
	sync := [][]byte{wire.Integer(wire.TagEnumerated, refreshAndPersist)}
	if len(cookie) > 0 {
		sync = append(sync, wire.Element(wire.TagOctets, cookie))
	}
	return [][]byte{
		wire.Control(OID, true, wire.Element(wire.TagSequence, sync...)),
		wire.Control(search.OIDManageDsaIT, false, nil),
	}
}
