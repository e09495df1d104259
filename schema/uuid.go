package schema

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// UUID identifies an entry for its whole life: the 16 bytes of the sync control (RFC 4533 §2.2), which is entryUUID on
// OpenLDAP. DN and addresses are data and may change; the UUID does not.
type UUID [16]byte

// ParseUUID reads the usual printed form, 8-4-4-4-12 hexadecimal digits in either case.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UUID{}, fmt.Errorf("UUID %q: want 8-4-4-4-12 hexadecimal digits", s)
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(u[:], []byte(digits)); err != nil {
		return UUID{}, fmt.Errorf("UUID %q: %w", s, err)
	}
	return u, nil
}

// String returns the printed form in lower case.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// IsZero reports whether u was never set.
func (u UUID) IsZero() bool { return u == UUID{} }

// Compare orders UUIDs by their bytes.
func (u UUID) Compare(o UUID) int { return bytes.Compare(u[:], o[:]) }

// MarshalText returns the printed form, so that a UUID is readable in JSON.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the printed form.
func (u *UUID) UnmarshalText(text []byte) error {
	parsed, err := ParseUUID(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}
