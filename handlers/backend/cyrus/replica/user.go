package replica

import (
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
)

// user is what a Cyrus has of one.
type user struct {
	boxes         []*node
	subscriptions []string
	scripts       map[string]*node
	active        string
	quotas        []*node
}

// inboxOf returns what Cyrus itself calls the inbox of a user.
func inboxOf(user string) string {
	at := strings.LastIndexByte(user, '@')
	if at < 0 {
		return "user." + strings.ReplaceAll(user, ".", "^")
	}
	return user[at+1:] + "!user." + strings.ReplaceAll(user[:at], ".", "^")
}

// within reports whether a mailbox is the inbox of a user or a folder of it.
func within(inbox, mailbox string) bool {
	return mailbox == inbox || strings.HasPrefix(mailbox, inbox+".")
}

// user returns all of a user but the messages.
func (s *Session) user(name string) (u user, err error) {
	all, err := s.get(str("USER", name))
	if err != nil && !refusedWith(err, "IMAP_MAILBOX_NONEXISTENT") {
		return u, err
	}
	u.scripts = map[string]*node{}
	for _, n := range all {
		switch n.key {
		case "MAILBOX":
			if within(inboxOf(name), n.value("MBOXNAME")) { // not what is deleted and kept
				u.boxes = append(u.boxes, n)
			}
		case "LSUB":
			for _, kid := range n.kids {
				u.subscriptions = append(u.subscriptions, kid.text)
			}
		case "SIEVE":
			if n.value("ISACTIVE") == "1" {
				u.active = n.value("FILENAME")
			} else {
				u.scripts[n.value("FILENAME")] = n
			}
		case "QUOTA":
			u.quotas = append(u.quotas, n)
		}
	}
	return u, nil
}

// box returns a mailbox of the user, nil when there is none.
func (u user) box(name string) *node {
	for _, b := range u.boxes {
		if b.value("MBOXNAME") == name {
			return b
		}
	}
	return nil
}

// full returns a mailbox with a record for each message.
func (s *Session) full(name string) (*node, error) {
	all, err := s.get(str("FULLMAILBOX", name))
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || all[0].get("RECORD") == nil {
		return nil, errForm
	}
	return all[0], nil
}

// alive returns the records of the messages that are not deleted, in the order of their UIDs.
func alive(box *node) (all []*node) {
	if box == nil {
		return nil
	}
	for _, r := range box.get("RECORD").kids {
		gone := false
		for _, flag := range r.get("FLAGS").kids {
			gone = gone || strings.EqualFold(flag.text, `\Expunged`)
		}
		if !gone {
			all = append(all, r)
		}
	}
	return all
}

// hollow reports whether a mailbox is but the name of what lies above another one.
func hollow(box *node) bool { return strings.ContainsAny(box.value("MBOXTYPE"), "id") }

// Boxes returns the mailboxes of a user by what Cyrus itself calls them.
func (s *Session) Boxes(name string) (map[string]backend.Box, error) {
	u, err := s.user(name)
	if err != nil {
		return nil, err
	}
	boxes := map[string]backend.Box{}
	for _, b := range u.boxes {
		if hollow(b) {
			continue
		}
		full, err := s.full(b.value("MBOXNAME"))
		if err != nil {
			return nil, err
		}
		boxes[b.value("MBOXNAME")] = backend.Box{
			Messages: uint32(len(alive(full))), UIDNext: uint32(full.number("LAST_UID")) + 1,
			UIDValidity: uint32(full.number("UIDVALIDITY")), Modseq: full.number("HIGHESTMODSEQ"), Sum: uint32(full.number("SYNC_CRC")),
		}
	}
	return boxes, nil
}

// HasMail reports whether a user has a message in any mailbox.
func (s *Session) HasMail(name string) (bool, error) {
	boxes, err := s.Boxes(name)
	for _, b := range boxes {
		if b.Messages > 0 {
			return true, err
		}
	}
	return false, err
}
