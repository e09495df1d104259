package dirsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

const (
	attrGUID    = "objectGUID"
	attrDeleted = "isDeleted"
	// attrName is the value of the RDN: it changes with every rename and move.
	attrName = "name"
)

// renewal is how old the stored position may become while nothing of ours changes.
const renewal = 10 * time.Minute

// errStopped says that nobody wants further events.
var errStopped = errors.New("the iteration was stopped")

// session follows the directory over one connection.
type session struct {
	*Source
	conn    *connect.Conn
	tell    func(listener.Event, error) bool
	stopped bool

	decoder, changes *search.Decoder
	context          string // the naming context
	seesDeleted      bool
	at               position
}

// event passes an event on.
func (s *session) event(e listener.Event) error {
	if !s.tell(e, nil) {
		s.stopped = true
		return errStopped
	}
	return nil
}

// run is a session from its start to its end, with an error always.
func (s *session) run(ctx context.Context, cookie []byte) error {
	root, err := readRoot(ctx, s.conn)
	if err != nil {
		return err
	}
	if s.context, err = root.context(s.base); err != nil {
		return err
	}
	if s.seesDeleted, err = seesDeleted(ctx, s.conn, s.context); err != nil {
		return err
	}
	if !s.seesDeleted {
		s.log.Info("the account may not read the container of deleted objects, so deletions are found by counting the entries",
			"op", "follow", "dn", "CN=Deleted Objects,"+s.context)
	}
	if err := s.refresh(ctx, root, cookie); err != nil {
		return err
	}
	return s.follow(ctx)
}

// refresh brings the replica up to date, from a cookie or from nothing.
func (s *session) refresh(ctx context.Context, root rootDSE, cookie []byte) (err error) {
	resumed := len(cookie) > 0
	if resumed {
		if s.at, err = resume(cookie, root); err != nil {
			return err
		}
		_, err = s.round(ctx, root)
	} else {
		err = s.load(ctx, root)
	}
	if err != nil {
		return err
	}
	if resumed && !s.seesDeleted {
		if err := s.count(ctx); err != nil {
			return err
		}
	}
	return s.event(listener.Event{Kind: listener.RefreshEnd, Snapshot: !resumed || !s.seesDeleted, Cookie: s.at.encode()})
}

// follow asks for changes again and again.
func (s *session) follow(ctx context.Context) error {
	tick := time.NewTicker(s.config.Interval)
	defer tick.Stop()
	stored, counted, countedAt := time.Now(), time.Now(), s.at.USN
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		root, err := readRoot(ctx, s.conn)
		if err != nil {
			return err
		}
		if root.usn < s.at.USN || root.service != s.at.Service {
			return fmt.Errorf("the server's last write was %d, and is %d now: was it restored from a backup?", s.at.USN, root.usn)
		}
		news := false
		if root.usn > s.at.USN { // else it has written nothing at all
			if news, err = s.round(ctx, root); err != nil {
				return err
			}
		}
		// Without a cookie this only says that the server has answered.
		position := listener.Event{Kind: listener.Position}
		if news || time.Since(stored) > renewal {
			stored, position.Cookie = time.Now(), s.at.encode()
		}
		if err := s.event(position); err != nil {
			return err
		}
		if !s.seesDeleted && s.at.USN > countedAt && time.Since(counted) >= s.config.Recount {
			counted, countedAt = time.Now(), s.at.USN
			if err := s.recount(ctx); err != nil {
				return err
			}
		}
	}
}

// load reads everything. The position is from before, so that nothing that changes meanwhile is missed.
func (s *session) load(ctx context.Context, root rootDSE) error {
	if _, err := s.changed(ctx, root, false); err != nil {
		return err
	}
	return s.scan(ctx, search.Query{Base: s.config.Base, Scope: search.Subtree, Filter: s.filter, Attributes: s.words.Ask},
		func(entry *schema.Entry) error { return s.event(listener.Event{Kind: listener.Content, Entry: entry}) })
}

// round tells what has changed since the position and moves it on. It reports whether there was anything.
func (s *session) round(ctx context.Context, root rootDSE) (news bool, err error) {
	changes, err := s.changed(ctx, root, true)
	if err != nil {
		return false, err
	}
	for _, c := range changes {
		if err := s.look(ctx, c); err != nil {
			return false, err
		}
	}
	return len(changes) > 0, nil
}

// change is an entry that has changed.
type change struct {
	uuid             schema.UUID
	deleted, renamed bool
}

// changed asks what has changed since the position, until there is no more, and moves the position on. Without keep only
// the position counts.
func (s *session) changed(ctx context.Context, root rootDSE, keep bool) (changes []change, err error) {
	// The filter is not ours: an entry that has ceased to match it counts, too.
	q := search.Query{Base: s.context, Scope: search.Subtree, Attributes: s.watch}
	cookie := s.at.Cookie
	for more := true; more; {
		end, err := ask(ctx, s.conn, q, [][]byte{request(cookie)}, func(value string) error {
			if !keep {
				return nil
			}
			c, err := s.change(value)
			changes = append(changes, c)
			return err
		})
		if err != nil {
			return nil, err
		}
		result, err := end.Result()
		if err != nil {
			return nil, err
		}
		if err := result.Err(); err != nil {
			if len(cookie) > 0 && refusesCookie(result.Code) {
				err = fmt.Errorf("%w: %w", listener.ErrCookie, err)
			}
			return nil, fmt.Errorf("asking for the changes of %s: %w", s.context, err)
		}
		a, err := parseAnswer(end)
		if err != nil {
			return nil, err
		}
		cookie, more = a.cookie, a.more
	}
	// What root says is from before the answer, so the cookie covers it.
	s.at = position{Service: root.service, USN: root.usn, Time: root.time, Cookie: cookie}
	return changes, nil
}

// refusesCookie reports whether a code may be the answer to a cookie that is not good. Samba's is the third.
func refusesCookie(code int64) bool {
	return slices.Contains([]int64{
		ldap.LDAPResultOperationsError, ldap.LDAPResultProtocolError, ldap.LDAPResultUnavailableCriticalExtension,
		ldap.LDAPResultUnwillingToPerform,
	}, code)
}

// change reads what DirSync says of an entry.
func (s *session) change(value string) (c change, err error) {
	_, attrs, err := s.changes.Attributes(value)
	if err != nil {
		return change{}, err
	}
	e := schema.NewEntry(schema.UUID{}, "", attrs...)
	if c.uuid, err = schema.ObjectGUID.Parse(e.First(attrGUID)); err != nil {
		return change{}, fmt.Errorf("a changed entry: %w", err)
	}
	c.deleted, c.renamed = e.First(attrDeleted) == "TRUE", e.First(attrName) != ""
	return c, nil
}
