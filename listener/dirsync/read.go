package dirsync

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// look reads what has changed and tells it. With an entry that was renamed all that is below it has another name, of which
// the server says nothing; if it has come into the base or left it, so have they.
func (s *session) look(ctx context.Context, c change) error {
	if c.deleted {
		return s.event(listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{c.uuid}})
	}
	q := search.Query{Base: byGUID(c.uuid), Scope: search.Entry, Filter: s.filter, Attributes: s.words.Ask}
	if c.renamed {
		q.Scope = search.Subtree
	}
	there := false
	err := s.scan(ctx, q, func(entry *schema.Entry) error {
		dn, err := schema.ParseDN(entry.DN)
		if err != nil {
			return err
		}
		if !within(dn, s.base) {
			return s.event(listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{entry.UUID}})
		}
		there = there || entry.UUID == c.uuid
		return s.event(listener.Event{Kind: listener.Content, Entry: entry})
	})
	if refused := (*wire.Result)(nil); errors.As(err, &refused) && missing(refused) {
		err = nil // deleted meanwhile, or hidden from us
	}
	if err != nil || there {
		return err
	}
	return s.event(listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{c.uuid}})
}

// byGUID names an entry by its objectGUID (MS-ADTS 3.1.1.3.1.2.4).
func byGUID(uuid schema.UUID) string { return "<GUID=" + uuid.String() + ">" }

// scan passes on the entries that a query finds. Those of which the server has sent some values only come last.
func (s *session) scan(ctx context.Context, q search.Query, take func(*schema.Entry) error) error {
	type part struct {
		dn    string
		attrs []schema.Attribute
	}
	var parts []part
	pass := func(p part) error {
		uuid, err := s.words.UUID(p.attrs)
		if err != nil {
			return fmt.Errorf("%s: %w", p.dn, err)
		}
		return take(s.words.Entry(uuid, p.dn, p.attrs))
	}
	for value, err := range search.Scan(ctx, s.conn, q) {
		if err != nil {
			return err
		}
		dn, attrs, err := s.decoder.Attributes(value)
		if err != nil {
			return err
		}
		p := part{dn, attrs}
		if ranged(attrs) {
			parts = append(parts, p) // the connection is busy with the scan
			continue
		}
		if err := pass(p); err != nil {
			return err
		}
	}
	for _, p := range parts {
		uuid, err := s.words.UUID(p.attrs)
		if err != nil {
			return fmt.Errorf("%s: %w", p.dn, err)
		}
		if p.attrs, err = s.complete(ctx, uuid, p.attrs); err != nil {
			return fmt.Errorf("%s: %w", p.dn, err)
		}
		if err := pass(p); err != nil {
			return err
		}
	}
	return nil
}

const rangeOption = ";range="

// ranged reports whether the server has sent some of an attribute's values only (MS-ADTS 3.1.1.3.1.3.3).
func ranged(attrs []schema.Attribute) bool {
	for _, a := range attrs {
		if strings.Contains(a.Name, rangeOption) {
			return true
		}
	}
	return false
}

// complete fetches the rest of each attribute of which there are some values only.
func (s *session) complete(ctx context.Context, uuid schema.UUID, attrs []schema.Attribute) ([]schema.Attribute, error) {
	var whole []schema.Attribute
	for _, a := range attrs {
		name, bounds, isPart := strings.Cut(a.Name, rangeOption)
		all := schema.Attribute{Name: name, Values: a.Values}
		for from := 0; isPart; {
			next, more, err := after(bounds)
			if err == nil && more && next <= from {
				err = fmt.Errorf("%w: a range that leads nowhere", wire.ErrFormat)
			}
			if err != nil {
				return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
			}
			if !more {
				break
			}
			part, err := s.part(ctx, uuid, name, next)
			if err != nil {
				return nil, err
			}
			if len(part.Values) == 0 {
				break // there were fewer meanwhile, which is a change that comes next
			}
			all.Values = append(all.Values, part.Values...)
			from = next
			_, bounds, isPart = strings.Cut(part.Name, rangeOption)
		}
		whole = append(whole, all)
	}
	return whole, nil
}

// part fetches the values of an attribute from the given one on, as many as the server sends at once.
func (s *session) part(ctx context.Context, uuid schema.UUID, name string, from int) (found schema.Attribute, err error) {
	q := search.Query{Base: byGUID(uuid), Scope: search.Entry, Attributes: []string{name + rangeOption + strconv.Itoa(from) + "-*"}}
	decoder := search.NewDecoder(&schema.Vocabulary{Ask: []string{name}})
	end, err := ask(ctx, s.conn, q, nil, func(value string) error {
		_, attrs, err := decoder.Attributes(value)
		for _, a := range attrs {
			found = a
		}
		return err
	})
	if err != nil {
		return found, err
	}
	result, err := end.Result()
	if err == nil && !missing(result) {
		err = result.Err()
	}
	return found, err
}

// after returns the first number behind a range such as 0-1499, and whether there are more: not behind 1500-*.
func after(bounds string) (next int, more bool, err error) {
	_, last, _ := strings.Cut(bounds, "-")
	if last == "*" {
		return 0, false, nil
	}
	n, err := strconv.Atoi(last)
	if err != nil || n < 0 {
		return 0, false, fmt.Errorf("%w: range %q", wire.ErrFormat, bounds)
	}
	return n + 1, true, nil
}

// count names every entry that there is.
func (s *session) count(ctx context.Context) error {
	q := search.Query{Base: s.config.Base, Scope: search.Subtree, Filter: s.filter, Attributes: []string{attrGUID}}
	batch := make([]schema.UUID, 0, 500)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		uuids := batch
		batch = make([]schema.UUID, 0, cap(uuids))
		return s.event(listener.Event{Kind: listener.Present, UUIDs: uuids})
	}
	for value, err := range search.Scan(ctx, s.conn, q) {
		if err != nil {
			return err
		}
		dn, attrs, err := s.decoder.Attributes(value)
		if err != nil {
			return err
		}
		uuid, err := s.words.UUID(attrs)
		if err != nil {
			return fmt.Errorf("%s: %w", dn, err)
		}
		if batch = append(batch, uuid); len(batch) < cap(batch) {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return flush()
}

// recount is a refresh within the session that only names what there is: what is not named has gone.
func (s *session) recount(ctx context.Context) error {
	if err := s.event(listener.Event{Kind: listener.RefreshBegin}); err != nil {
		return err
	}
	if err := s.count(ctx); err != nil {
		return err
	}
	return s.event(listener.Event{Kind: listener.RefreshEnd, Snapshot: true, Cookie: s.at.encode()})
}
