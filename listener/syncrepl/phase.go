package syncrepl

import (
	"fmt"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// phase says what the messages of one session mean. It does no I/O.
type phase struct {
	resumed   bool // the session began with a cookie
	presented bool // a present phase: the refresh has named everything that exists
	refreshed bool // the refresh has ended

	content bool // the refresh has brought an entry
	moved   bool // the refresh has brought a cookie
}

// event fills in what all events have.
func (p *phase) event(kind listener.Kind, cookie string) *listener.Event {
	e := &listener.Event{Kind: kind}
	if cookie != "" {
		e.Cookie = []byte(cookie)
		p.moved = true
	}
	return e
}

// entry is an entry with its attributes. In a refresh servers say "add" of changed entries, too.
func (p *phase) entry(s state, entry *schema.Entry) *listener.Event {
	p.content = true
	e := p.event(listener.Content, s.cookie)
	e.Entry = entry
	return e
}

// mention is an entry without its attributes: unchanged, or gone. Its DN says nothing: a deleted entry may come under
// its newest DN, or none.
func (p *phase) mention(s state) *listener.Event {
	kind := listener.Present
	if s.change == changeDelete {
		kind = listener.Gone
	}
	e := p.event(kind, s.cookie)
	e.UUIDs = []schema.UUID{s.uuid}
	return e
}

func (p *phase) info(i info) (*listener.Event, error) {
	switch i.choice {
	case infoCookie:
		return p.event(listener.Position, i.cookie), nil
	case infoSet:
		kind := listener.Present
		if i.gone {
			kind = listener.Gone
		}
		e := p.event(kind, i.cookie)
		e.UUIDs = i.uuids
		return e, nil
	case infoPresent:
		p.presented = true
	}
	if !i.done {
		// The delete phase follows. A cookie in the middle of a refresh counts for nothing, but shows that there is one.
		p.moved = p.moved || i.cookie != ""
		return nil, nil
	}
	return p.end(i.cookie)
}

// done is the end of the search, which ends the refresh of a server that does not persist.
func (p *phase) done(d done) (*listener.Event, error) {
	if p.refreshed {
		return p.event(listener.Position, d.cookie), nil
	}
	if !d.deletes {
		p.presented = true
	}
	return p.end(d.cookie)
}

// end ends the refresh.
//
// A session that began without a cookie is a snapshot whatever the flags say: OpenLDAP ends it as a delete phase although
// it has named no deletion.
//
// A session with a cookie that ends as a delete phase, without any cookie, is either one in which nothing has changed, or
// one whose cookie the server could not read: OpenLDAP then sends everything, and names no deletion (c) 10. What tells
// them apart is content: the server's position has moved with it, so a server that has understood us names the new one.
// With content and no position the session ends in ErrCookie; the next one begins anew and is a snapshot. A directory
// that has become empty cannot be told from an unchanged one in this way; that the cookie is one of the server's own is
// ensured by the fingerprint that it is stored with.
func (p *phase) end(cookie string) (*listener.Event, error) {
	if p.refreshed {
		return nil, fmt.Errorf("%w: a second end of the refresh", wire.ErrFormat)
	}
	e := p.event(listener.RefreshEnd, cookie)
	if p.resumed && !p.presented && p.content && !p.moved {
		return nil, fmt.Errorf("%w: it sent entries but no position", listener.ErrCookie)
	}
	p.refreshed = true
	e.Snapshot = !p.resumed || p.presented
	return e, nil
}
