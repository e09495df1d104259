package schema

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Identity is the attribute by which a server identifies entries for their whole life. Values of one are never those of
// another, not even for the same entry.
type Identity string

// The identities.
const (
	// EntryUUID is that of RFC 4530, and what OpenLDAP's sync control carries. A replica keeps it.
	EntryUUID Identity = "entryUUID"
	// NSUniqueID is that of 389-ds and its relatives, and what its sync control carries: 8-8-8-8 hexadecimal digits.
	NSUniqueID Identity = "nsUniqueId"
	// ObjectGUID is that of Active Directory: 16 bytes, of which the first three groups stand with the lowest byte first
	// (MS-DTYP 2.3.4.2). The UUID has them as people and tools print them.
	ObjectGUID Identity = "objectGUID"
)

// ParseIdentity reads the name of an attribute, in any case.
func ParseIdentity(name string) (Identity, error) {
	id := Identity(name).canonical()
	switch id {
	case EntryUUID, NSUniqueID, ObjectGUID:
		return id, nil
	default:
		return "", fmt.Errorf("%q identifies no entries: want %s, %s or %s", name, EntryUUID, NSUniqueID, ObjectGUID)
	}
}

func (i Identity) canonical() Identity {
	for _, id := range []Identity{EntryUUID, NSUniqueID, ObjectGUID} {
		if strings.EqualFold(string(i), string(id)) {
			return id
		}
	}
	return i
}

// NamesHomes reports whether the printed form of the attribute is that of the UUID, so that the LDAP lookups of a mail
// server can name a mail home by it (layout uuid).
func (i Identity) NamesHomes() bool { return i == EntryUUID }

// Parse reads a value of the attribute.
func (i Identity) Parse(value string) (u UUID, err error) {
	switch i {
	case NSUniqueID:
		if len(value) != 35 || value[8] != '-' || value[17] != '-' || value[26] != '-' {
			return UUID{}, fmt.Errorf("%s %q: want 8-8-8-8 hexadecimal digits", i, value)
		}
		if _, err := hex.Decode(u[:], []byte(strings.ReplaceAll(value, "-", ""))); err != nil {
			return UUID{}, fmt.Errorf("%s %q: %w", i, value, err)
		}
		return u, nil
	case ObjectGUID:
		if len(value) != len(u) {
			return UUID{}, fmt.Errorf("%s of %d bytes", i, len(value))
		}
		copy(u[:], value)
		return swapped(u), nil
	default:
		return ParseUUID(value)
	}
}

// Value returns the value of the attribute as the server has it, the inverse of Parse.
func (i Identity) Value(u UUID) string {
	switch i {
	case NSUniqueID:
		h := hex.EncodeToString(u[:])
		return h[:8] + "-" + h[8:16] + "-" + h[16:24] + "-" + h[24:]
	case ObjectGUID:
		u = swapped(u)
		return string(u[:])
	default:
		return u.String()
	}
}

// Filter returns the filter that finds the entry with a UUID.
func (i Identity) Filter(u UUID) string {
	value := i.Value(u)
	if i == ObjectGUID {
		var b strings.Builder
		for _, c := range []byte(value) {
			fmt.Fprintf(&b, `\%02x`, c)
		}
		value = b.String()
	}
	return "(" + string(i) + "=" + value + ")"
}

// swapped turns around the bytes of the first three groups.
func swapped(u UUID) UUID {
	return UUID{u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]}
}
