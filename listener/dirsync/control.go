package dirsync

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/wire"
)

// OID is that of the control; servers that know it name it among their supportedControl.
const OID = "1.2.840.113556.1.4.841"

// oidShowDeleted is the control by which searches find tombstones, too.
const oidShowDeleted = "1.2.840.113556.1.4.417"

const (
	// objectSecurity has the server show what searches would show us, instead of demanding the right to replicate.
	objectSecurity = 0x1
	// maxBytes is the size of one answer that we ask for; Samba sends everything in one.
	maxBytes = 1 << 20
)

// request encodes the control. It must be critical: a server that ignores it would send everything each time.
func request(cookie []byte) []byte {
	return wire.Control(OID, true, wire.Element(wire.TagSequence,
		wire.Integer(wire.TagInteger, objectSecurity), wire.Integer(wire.TagInteger, maxBytes),
		wire.Element(wire.TagOctets, cookie)))
}

// answer is the control at the end of a search.
type answer struct {
	more   bool // there is more to ask for
	cookie []byte
}

func parseAnswer(m wire.Message) (a answer, err error) {
	value, found, err := m.Control(OID)
	switch {
	case err != nil:
		return answer{}, err
	case !found:
		return answer{}, fmt.Errorf("%w: an answer without the DirSync control", wire.ErrFormat)
	}
	value, _, err = wire.Expect(value, wire.TagSequence)
	if err != nil {
		return answer{}, err
	}
	more, value, err := wire.Expect(value, wire.TagInteger)
	if err != nil {
		return answer{}, err
	}
	n, err := wire.Number(more)
	if err != nil {
		return answer{}, err
	}
	if _, value, err = wire.Expect(value, wire.TagInteger); err != nil { // nothing that counts
		return answer{}, err
	}
	cookie, _, err := wire.Expect(value, wire.TagOctets)
	if err == nil && cookie == "" {
		err = fmt.Errorf("%w: a DirSync control without a cookie", wire.ErrFormat)
	}
	return answer{more: n != 0, cookie: []byte(cookie)}, err
}

// maxAge is how old a position may be: tombstones are kept for 60 days at least, unless somebody has set less.
const maxAge = 30 * 24 * time.Hour

// position is where we are: the server's cookie, and what tells whether it is still good for anything. The server itself
// takes each cookie that it can read, also one from its own future or from another server.
type position struct {
	// Service is the dsServiceName of the server.
	Service string `json:"service"`
	// USN is the number of the server's last write that the cookie covers.
	USN uint64 `json:"usn"`
	// Time is the server's.
	Time time.Time `json:"time"`
	// Cookie is the server's own.
	Cookie []byte `json:"cookie"`
}

// encode returns the position as a cookie of ours.
func (p position) encode() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, numbers and a year of four digits always can be
	}
	return text
}

// resume reads a cookie of ours; the error wraps listener.ErrCookie when it does not fit the server.
func resume(cookie []byte, at rootDSE) (position, error) {
	var p position
	if err := json.Unmarshal(cookie, &p); err != nil || len(p.Cookie) == 0 {
		return position{}, fmt.Errorf("%w: it is none of ours", listener.ErrCookie)
	}
	switch {
	case p.Service != at.service:
		return position{}, fmt.Errorf("%w: it is of %q, not of %q", listener.ErrCookie, p.Service, at.service)
	case p.USN > at.usn:
		return position{}, fmt.Errorf("%w: it covers the write %d, but the server's last is %d: was it restored from a backup?",
			listener.ErrCookie, p.USN, at.usn)
	case at.time.Sub(p.Time).Abs() > maxAge:
		return position{}, fmt.Errorf("%w: it is of %s, and deletions of then may be forgotten", listener.ErrCookie, p.Time.Format(time.DateOnly))
	}
	return p, nil
}
