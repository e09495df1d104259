package replica

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mailreg/mailreg/handlers/backend"
)

// What is sent at once: so many messages, or so many bytes. After each lot the copy is whole as far as it goes.
const (
	lotMessages = 200
	lotBytes    = 4 << 20
)

// where is the partition of a mailbox that is the first of its user (handlers/backend/cyrus writes imapd.conf so).
const where = "default"

// copier makes one copy.
type copier struct {
	from, to  *Session
	name      string
	partition string
}

// Copy makes the store of a user at to equal to that at from. backend.ErrAgain says that it has changed meanwhile.
func Copy(from, to *Session, name string) error {
	c := &copier{from: from, to: to, name: name, partition: where}
	here, err := from.user(name)
	if err != nil {
		return err
	}
	there, err := to.user(name)
	if err != nil {
		return err
	}
	if inbox := there.box(inboxOf(name)); inbox != nil {
		c.partition = inbox.value("PARTITION")
	}
	for _, b := range slices.Backward(there.boxes) {
		if here.box(b.value("MBOXNAME")) == nil && b.value("MBOXNAME") != inboxOf(name) {
			if err := to.apply(str("UNMAILBOX", b.value("MBOXNAME"))); err != nil {
				return err
			}
		}
	}
	for _, b := range here.boxes {
		if err := c.box(b, there.box(b.value("MBOXNAME"))); err != nil {
			return fmt.Errorf("mailbox %s: %w", b.value("MBOXNAME"), err)
		}
	}
	return c.meta(here, there)
}

// same reports whether a mailbox is there as it is here.
func same(here, there *node) bool {
	for _, key := range []string{"UIDVALIDITY", "LAST_UID", "HIGHESTMODSEQ", "SYNC_CRC", "SYNC_CRC_ANNOT", "ACL", "MBOXTYPE", "OPTIONS"} {
		if here.value(key) != there.value(key) {
			return false
		}
	}
	return printed(here.get("ANNOTATIONS")) == printed(there.get("ANNOTATIONS"))
}

func printed(n *node) string {
	if n == nil {
		return ""
	}
	return n.String()
}

// box brings a mailbox in line.
func (c *copier) box(here, there *node) error {
	name := here.value("MBOXNAME")
	if there != nil && (hollow(here) && hollow(there) || same(here, there)) {
		return nil
	}
	if hollow(here) {
		return c.to.apply(here.with(str("UNIQUEID", newID()), &node{kind: none, key: "PARTITION"}))
	}
	here, err := c.from.full(name)
	if refusedWith(err, "IMAP_MAILBOX_NONEXISTENT") {
		return backend.ErrAgain
	}
	if err != nil {
		return err
	}
	if there != nil && !hollow(there) {
		if there, err = c.to.full(name); err != nil {
			return err
		}
		err := c.update(here, there)
		if err == nil || !refusedWith(err, "IMAP_SYNC_CHECKSUM") && err != errAnew {
			return err
		}
		// It has another history than this mailbox.
		if err := c.to.apply(str("UNMAILBOX", name)); err != nil {
			return err
		}
	}
	return c.update(here, nil)
}

// errAnew says that a mailbox has to be made anew.
var errAnew = errors.New("not a copy of this mailbox")

// diff tells what to do to a mailbox that is there, nil for none, to make it equal.
type diff struct {
	// gone are UIDs to delete; fresh are records of messages to send, changed of those whose flags differ.
	gone           []*node
	fresh, changed []*node
}

// compare makes the diff. errAnew says that there is no way from the one to the other.
func compare(here, there *node) (d diff, err error) {
	if there == nil {
		return diff{fresh: alive(here)}, nil
	}
	if there.number("UIDVALIDITY") > here.number("UIDVALIDITY") || there.number("LAST_UID") > here.number("LAST_UID") ||
		there.number("HIGHESTMODSEQ") > here.number("HIGHESTMODSEQ") {
		return d, errAnew
	}
	had := map[string]*node{}
	for _, r := range alive(there) {
		had[r.value("UID")] = r
	}
	for _, r := range alive(here) {
		uid := r.value("UID")
		old := had[uid]
		delete(had, uid)
		switch {
		case old == nil && r.number("UID") <= there.number("LAST_UID"), old != nil && old.value("GUID") != r.value("GUID"):
			return d, errAnew
		case old == nil:
			d.fresh = append(d.fresh, r)
		case old.String() != r.String():
			d.changed = append(d.changed, r)
		}
	}
	for uid := range had {
		d.gone = append(d.gone, str("", uid))
	}
	return d, nil
}

// update brings a mailbox in line that is there, or makes it.
func (c *copier) update(here, there *node) error {
	d, err := compare(here, there)
	if err != nil {
		return err
	}
	id := newID()
	reached := uint64(1)
	if there != nil {
		id, reached = there.value("UNIQUEID"), there.number("HIGHESTMODSEQ")
	}
	if len(d.gone) > 0 {
		name := str("MBOXNAME", here.value("MBOXNAME"))
		if err := c.to.apply(record("EXPUNGE", name, str("UNIQUEID", id), group("UID", d.gone...))); err != nil {
			return err
		}
	}
	frame := here.with(str("UNIQUEID", id), str("PARTITION", c.partition), drop("QUOTAROOT"), drop("XCONVMODSEQ"), drop("RACLMODSEQ"))
	for len(d.fresh) > 0 {
		lot := firstLot(d.fresh)
		if err := c.send(here, lot); err != nil {
			return err
		}
		if d.fresh = d.fresh[len(lot):]; len(d.fresh) == 0 {
			d.changed = append(d.changed, lot...)
			break
		}
		for _, r := range lot {
			reached = max(reached, r.number("MODSEQ"))
		}
		part := frame.with(group("RECORD", lot...), drop("SYNC_CRC"), drop("SYNC_CRC_ANNOT"),
			str("LAST_UID", lot[len(lot)-1].value("UID")), num("HIGHESTMODSEQ", reached))
		if err := c.to.apply(part); err != nil {
			return err
		}
	}
	return c.to.apply(frame.with(group("RECORD", d.changed...)))
}

func drop(key string) *node { return &node{kind: none, key: key} }

// firstLot returns the first records of messages that are sent at once.
func firstLot(records []*node) []*node {
	var size uint64
	for i, r := range records {
		size += r.number("SIZE")
		if i > 0 && (i == lotMessages || size > lotBytes) {
			return records[:i]
		}
	}
	return records
}

// send sends the messages of records.
func (c *copier) send(box *node, records []*node) error {
	messages, err := c.from.messages(box, records)
	if err != nil {
		return err
	}
	for _, m := range messages {
		m.part = c.partition
	}
	return c.to.apply(group("MESSAGE", messages...))
}

// messages fetches the messages of records, all asked for at once.
func (s *Session) messages(box *node, records []*node) (all []*node, err error) {
	var tags []string
	for _, r := range records {
		tag, err := s.send("SYNCGET", record("FETCH", str("MBOXNAME", box.value("MBOXNAME")), str("PARTITION", box.value("PARTITION")),
			str("UNIQUEID", box.value("UNIQUEID")), str("GUID", r.value("GUID")), str("UID", r.value("UID"))))
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	missing := false
	for _, tag := range tags {
		found, status, err := s.answer(tag)
		if err != nil {
			return nil, err
		}
		if judge("FETCH", status) != nil || len(found) != 1 || found[0].kind != file {
			missing = true // deleted meanwhile
			continue
		}
		found[0].key = ""
		all = append(all, found[0])
	}
	if missing {
		return nil, backend.ErrAgain
	}
	return all, nil
}

// meta brings subscriptions, scripts and the quota in line.
func (c *copier) meta(here, there user) error {
	user := str("USERID", c.name)
	for _, change := range []struct {
		command string
		of, but []string
	}{{"SUB", here.subscriptions, there.subscriptions}, {"UNSUB", there.subscriptions, here.subscriptions}} {
		for _, name := range change.of {
			if slices.Contains(change.but, name) {
				continue
			}
			if err := c.to.apply(record(change.command, str("MBOXNAME", name), user)); err != nil {
				return err
			}
		}
	}
	if err := c.scripts(here, there, user); err != nil {
		return err
	}
	if len(there.quotas) > 0 { // the directory has set it
		return nil
	}
	for _, q := range here.quotas {
		if within(inboxOf(c.name), q.value("ROOT")) {
			if err := c.to.apply(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// scripts brings the Sieve scripts in line. Cyrus 3.6 empties a script that it is to replace: it is removed before.
func (c *copier) scripts(here, there user, user *node) error {
	for name, old := range there.scripts {
		if now := here.scripts[name]; now != nil && now.value("GUID") == old.value("GUID") {
			continue
		}
		if err := c.to.apply(record("UNSIEVE", user, str("FILENAME", name))); err != nil {
			return err
		}
		if there.active == compiled(name) {
			there.active = ""
		}
		delete(there.scripts, name)
	}
	for name, script := range here.scripts {
		if there.scripts[name] != nil {
			continue
		}
		found, err := c.from.get(record("FETCH_SIEVE", user, str("FILENAME", name)))
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return backend.ErrAgain
		}
		err = c.to.apply(record("SIEVE", user, str("FILENAME", name), str("LAST_UPDATE", script.value("LAST_UPDATE")),
			str("CONTENT", found[0].value("CONTENT"))))
		if err != nil {
			return err
		}
	}
	switch {
	case here.active == there.active:
		return nil
	case here.active == "":
		return c.to.apply(record("UNACTIVATE_SIEVE", user))
	default:
		return c.to.apply(record("ACTIVATE_SIEVE", user, str("FILENAME", here.active)))
	}
}

// compiled returns what a script is called once it is compiled: name.bc of name.script.
func compiled(script string) string {
	const source, code = ".script", ".bc"
	if len(script) < len(source) {
		return script + code
	}
	return script[:len(script)-len(source)] + code
}

// newID returns a unique id for a mailbox.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Reserve makes an empty inbox that a copy can replace: of the lowest UIDVALIDITY. Idempotent.
func (s *Session) Reserve(name string) error {
	u, err := s.user(name)
	if err != nil || u.box(inboxOf(name)) != nil {
		return err
	}
	zero := func(key string) *node { return str(key, "0") }
	return s.apply(record("MAILBOX", str("UNIQUEID", newID()), str("MBOXNAME", inboxOf(name)), str("HIGHESTMODSEQ", "1"),
		str("LAST_UID", "0"), zero("RECENTUID"), zero("RECENTTIME"), zero("LAST_APPENDDATE"), zero("POP3_LAST_LOGIN"),
		str("UIDVALIDITY", "1"), str("PARTITION", where), str("ACL", name+"\tlrswipkxtecdan\t"), str("OPTIONS", ""), group("RECORD")))
}

// Add adds the messages of a user at from that have come since the mailboxes were these to the store at to, where they get new
// UIDs: the user is in already. It returns how many.
func Add(from, to *Session, name string, before map[string]backend.Box) (added int, err error) {
	u, err := from.user(name)
	if err != nil {
		return 0, err
	}
	for _, b := range u.boxes {
		if hollow(b) || b.number("LAST_UID") < uint64(before[b.value("MBOXNAME")].UIDNext) {
			continue
		}
		full, err := from.full(b.value("MBOXNAME"))
		if err != nil {
			return added, err
		}
		fresh := slices.DeleteFunc(alive(full), func(r *node) bool {
			return r.number("UID") < uint64(before[b.value("MBOXNAME")].UIDNext)
		})
		messages, err := from.messages(full, fresh)
		if err != nil {
			return added, err
		}
		for i, m := range messages {
			_, err := to.do("ADD", record("MESSAGE", str("MBOXNAME", full.value("MBOXNAME")), fresh[i].get("FLAGS"),
				str("INTERNALDATE", strconv.FormatUint(fresh[i].number("INTERNALDATE"), 10)), str("CONTENT", m.text)))
			if err != nil {
				return added, err
			}
			added++
		}
	}
	return added, nil
}
