package syncrepl

import "github.com/mailreg/mailreg/listener/wire"

// The object identifiers of RFC 4533 §2, and of ManageDsaIT (RFC 3296), by which a server shows referral objects as
// entries.
const (
	oidRequest     = "1.3.6.1.4.1.4203.1.9.1.1"
	oidState       = "1.3.6.1.4.1.4203.1.9.1.2"
	oidDone        = "1.3.6.1.4.1.4203.1.9.1.3"
	oidInfo        = "1.3.6.1.4.1.4203.1.9.1.4"
	oidManageDsaIT = "2.16.840.1.113730.3.4.2"
)

const (
	scopeSubtree      = 2
	derefNever        = 0
	refreshAndPersist = 3
)

// request is a search as message content: operation and controls.
type request struct {
	operation []byte
	controls  [][]byte
}

// request builds a session's search (RFC 4511 §4.5.1, RFC 4533 §2.2).
func (s *Source) request(cookie []byte) request {
	attributes := make([][]byte, 0, len(s.config.Attributes))
	for _, name := range s.config.Attributes {
		attributes = append(attributes, wire.Octets(wire.TagOctets, name))
	}
	sync := [][]byte{wire.Integer(wire.TagEnumerated, refreshAndPersist)}
	if len(cookie) > 0 {
		sync = append(sync, wire.Element(wire.TagOctets, cookie))
	}
	return request{
		operation: wire.Element(wire.SearchRequest,
			wire.Octets(wire.TagOctets, s.config.Base),
			wire.Integer(wire.TagEnumerated, scopeSubtree),
			wire.Integer(wire.TagEnumerated, derefNever),
			wire.Integer(wire.TagInteger, 0), // no size limit
			wire.Integer(wire.TagInteger, 0), // no time limit
			wire.Boolean(false),              // values, not only names
			s.filter.Bytes(),
			wire.Element(wire.TagSequence, attributes...),
		),
		controls: [][]byte{
			wire.Control(oidRequest, true, wire.Element(wire.TagSequence, sync...)),
			wire.Control(oidManageDsaIT, false, nil),
		},
	}
}
