package syncrepl

import (
	"fmt"

	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// What a sync state says about its entry (RFC 4533 §2.3).
const (
	changePresent = iota
	changeAdd
	changeModify
	changeDelete
)

// state is a sync state control.
type state struct {
	change int64
	uuid   schema.UUID
	cookie string
}

func parseState(control string) (s state, err error) {
	rest, _, err := wire.Expect(control, wire.TagSequence)
	if err != nil {
		return state{}, err
	}
	number, rest, err := wire.Expect(rest, wire.TagEnumerated)
	if err != nil {
		return state{}, err
	}
	if s.change, err = wire.Number(number); err != nil {
		return state{}, err
	}
	if s.change < changePresent || s.change > changeDelete {
		return state{}, fmt.Errorf("%w: sync state %d", wire.ErrFormat, s.change)
	}
	id, rest, err := wire.Expect(rest, wire.TagOctets)
	if err != nil {
		return state{}, err
	}
	if s.uuid, err = parseUUID(id); err != nil {
		return state{}, err
	}
	members, err := parseMembers(rest)
	s.cookie = members.cookie
	return s, err
}

func parseUUID(value string) (u schema.UUID, err error) {
	if len(value) != len(u) {
		return u, fmt.Errorf("%w: a UUID of %d bytes", wire.ErrFormat, len(value))
	}
	copy(u[:], value)
	return u, nil
}

// members are the optional members of the sync values. Any of them may be missing, so each is known by its tag, not by
// its place.
type members struct {
	cookie string
	flag   bool // the only boolean that the value can have
	flagOK bool // whether the flag was there
	set    string
}

func parseMembers(rest string) (m members, err error) {
	for rest != "" {
		var tag byte
		var value string
		if tag, value, rest, err = wire.Next(rest); err != nil {
			return members{}, err
		}
		switch tag {
		case wire.TagOctets:
			m.cookie = value
		case wire.TagBoolean:
			m.flagOK = true
			if m.flag, err = wire.Truth(value); err != nil {
				return members{}, err
			}
		case wire.TagSet:
			m.set = value
		}
	}
	return m, nil
}

// done is a sync done control (RFC 4533 §2.4).
type done struct {
	cookie  string
	deletes bool // refreshDeletes: the refresh named what is gone
}

func parseDone(control string) (done, error) {
	if control == "" {
		return done{}, nil // all members may be missing, and some servers leave out the sequence, too
	}
	rest, _, err := wire.Expect(control, wire.TagSequence)
	if err != nil {
		return done{}, err
	}
	m, err := parseMembers(rest)
	return done{cookie: m.cookie, deletes: m.flag}, err
}

// The choices of a sync info message (RFC 4533 §2.5).
const (
	infoCookie  = 0x80
	infoDelete  = 0xa1
	infoPresent = 0xa2
	infoSet     = 0xa3
)

// info is a sync info message.
type info struct {
	choice byte
	cookie string
	done   bool // of refreshDelete and refreshPresent: the refresh ends here
	gone   bool // of syncIdSet: the entries are gone, else unchanged
	uuids  []schema.UUID
}

func parseInfo(value string) (info, error) {
	choice, content, _, err := wire.Next(value)
	if err != nil {
		return info{}, err
	}
	if choice == infoCookie {
		return info{choice: choice, cookie: content}, nil
	}
	m, err := parseMembers(content)
	if err != nil {
		return info{}, err
	}
	i := info{choice: choice, cookie: m.cookie}
	switch choice {
	case infoDelete, infoPresent:
		i.done = m.flag || !m.flagOK // refreshDone DEFAULT TRUE
	case infoSet:
		i.gone = m.flag
		i.uuids, err = parseUUIDs(m.set)
	default:
		err = fmt.Errorf("%w: sync info %#x", wire.ErrFormat, choice)
	}
	return i, err
}

func parseUUIDs(set string) ([]schema.UUID, error) {
	uuids := make([]schema.UUID, 0, len(set)/18)
	for set != "" {
		id, rest, err := wire.Expect(set, wire.TagOctets)
		if err != nil {
			return nil, err
		}
		uuid, err := parseUUID(id)
		if err != nil {
			return nil, err
		}
		uuids, set = append(uuids, uuid), rest
	}
	return uuids, nil
}

// intermediateValue returns the value of an intermediate response (RFC 4511 §4.13) when it is a sync info message.
func intermediateValue(rest string) (value string, found bool, err error) {
	const tagName, tagValue = 0x80, 0x81
	for rest != "" {
		var tag byte
		var part string
		if tag, part, rest, err = wire.Next(rest); err != nil {
			return "", false, err
		}
		switch {
		case tag == tagName && part != oidInfo:
			return "", false, nil
		case tag == tagName:
			found = true
		case tag == tagValue:
			value = part
		}
	}
	return value, found, nil
}
