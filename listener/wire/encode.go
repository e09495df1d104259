package wire

// The tags that our requests use and that decoded elements are compared with.
const (
	TagBoolean    = 0x01
	TagInteger    = 0x02
	TagOctets     = 0x04
	TagEnumerated = 0x0a
	TagSequence   = 0x30
	TagSet        = 0x31
)

// Element encodes a tag with the concatenation of parts as its content.
func Element(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	b := make([]byte, 0, n+6)
	b = append(b, tag)
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

// Octets encodes an octet string; tag is TagOctets or a context's.
func Octets(tag byte, s string) []byte { return Element(tag, []byte(s)) }

// Integer encodes a number from 0 to 2^31-1; tag is TagInteger, TagEnumerated or an application's.
func Integer(tag byte, n int) []byte {
	b := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	// The shortest form whose first bit is the sign.
	for len(b) > 1 && b[0] == 0 && b[1] < 0x80 {
		b = b[1:]
	}
	return Element(tag, b)
}

// Boolean encodes a truth value.
func Boolean(v bool) []byte {
	if v {
		return Element(TagBoolean, []byte{0xff})
	}
	return Element(TagBoolean, []byte{0})
}

// Control encodes one control of a request (RFC 4511 §4.1.11); a nil value is left out.
func Control(oid string, critical bool, value []byte) []byte {
	parts := [][]byte{Octets(TagOctets, oid)}
	if critical {
		parts = append(parts, Boolean(true))
	}
	if value != nil {
		parts = append(parts, Element(TagOctets, value))
	}
	return Element(TagSequence, parts...)
}

// Request encodes an LDAP message: its id, the operation as an element, and its controls.
func Request(id int, operation []byte, controls ...[]byte) []byte {
	parts := [][]byte{Integer(TagInteger, id), operation}
	if len(controls) > 0 {
		parts = append(parts, Element(tagControls, controls...))
	}
	return Element(TagSequence, parts...)
}
