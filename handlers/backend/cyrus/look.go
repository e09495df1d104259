package cyrus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/schema"
)

// atOnce is how many questions are sent before the first answer is read.
const atOnce = 100

// look reads the owner mark of an inbox. One that cannot be read is invalid data: whose the store is must be decided by a
// person.
func (w *work) look(mailbox string) (store, error) {
	all, err := w.lookAt([]string{mailbox})
	if err != nil {
		return store{name: mailbox}, err
	}
	return all[0], all[0].wrong
}

// lookAt is look for many, in few round trips.
func (w *work) lookAt(mailboxes []string) (all []store, err error) {
	for some := range slices.Chunk(mailboxes, atOnce) {
		err := w.do(func(s *session) error {
			var commands []*imapclient.GetMetadataCommand
			for _, mailbox := range some {
				commands = append(commands, s.GetMetadata(mailbox, []string{comment}, nil))
			}
			for i, command := range commands {
				data, err := command.Wait()
				if err != nil && !absent(err) {
					return err
				}
				all = append(all, read(some[i], data, err == nil))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking at stores: %w", err)
		}
	}
	return all, nil
}

func read(mailbox string, data *imapclient.GetMetadataData, found bool) store {
	st := store{name: mailbox, found: found}
	if value := data.Entries[comment]; value != nil {
		st.mark, st.marked, st.wrong = parseMark(mailbox, *value)
	}
	return st
}

// setMark writes the owner mark of an inbox.
func (w *work) setMark(mailbox string, m mark) error {
	data := m.bytes()
	return w.change("marking", mailbox, func(s *session) error {
		return s.SetMetadata(mailbox, map[string]*[]byte{comment: &data}).Wait()
	})
}

// list returns the mailboxes that match a pattern.
func (w *work) list(pattern string) (names []string, err error) {
	err = w.do(func(s *session) error {
		names, err = selectable(s.List("", pattern, nil))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing mailboxes: %w", err)
	}
	return names, nil
}

// selectable returns the mailboxes of an answer, sorted, without levels that are none.
func selectable(listing *imapclient.ListCommand) (names []string, err error) {
	found, err := listing.Collect()
	for _, mailbox := range found {
		if !slices.Contains(mailbox.Attrs, imap.MailboxAttrNonExistent) && !slices.Contains(mailbox.Attrs, imap.MailboxAttrNoSelect) {
			names = append(names, mailbox.Mailbox)
		}
	}
	slices.Sort(names)
	return names, err
}

// folders returns the folders of an inbox, but for those in which Cyrus keeps other things than mail, such as scripts.
func (w *work) folders(inbox string) ([]string, error) {
	names, err := w.list(folder(inbox, "*"))
	return slices.DeleteFunc(names, func(mailbox string) bool {
		name, _ := folderName(inbox, mailbox)
		return inner(name)
	}), err
}

// locate finds the store that an owner has: the one that is marked so, and was not left behind.
func (w *work) locate(uuid schema.UUID) (store, bool, error) {
	for range 2 {
		if err := w.know(); err != nil {
			return store{}, false, err
		}
		place, known := w.host.owners[uuid]
		if !known {
			return store{}, false, nil
		}
		st, err := w.look(place)
		if err != nil || st.belongs(uuid) && !st.mark.Left {
			return st, err == nil, err
		}
		w.host.owners = nil // somebody else has moved it
	}
	return store{}, false, fmt.Errorf("the store moves while it is looked for")
}

// know looks at all stores, unless that was done.
func (w *work) know() error {
	if w.host.owners != nil {
		return nil
	}
	names, err := w.list(inboxes)
	if err != nil {
		return err
	}
	stores, err := w.lookAt(names)
	if err != nil {
		return err
	}
	owners := map[schema.UUID]string{}
	for _, st := range stores {
		if _, _, kept := item(st.name); st.marked && !kept && !st.mark.Left {
			owners[st.mark.UUID] = st.name
		}
	}
	w.host.owners = owners
	return nil
}

// firstStore records when the host got its first store.
func (w *work) firstStore() error {
	if w.host.record != nil {
		return nil
	}
	stored, err := w.readFirst()
	if err != nil || stored != nil {
		w.host.record = stored
		return err
	}
	r := record{Version: 1, Time: w.cfg.Now().UTC().Truncate(time.Second)}
	data, _ := json.Marshal(r)
	err = w.change("noting the time of the first store", "", func(s *session) error {
		return s.SetMetadata("", map[string]*[]byte{comment: &data}).Wait()
	})
	if err == nil {
		w.host.record = &r
	}
	return err
}

// readFirst returns what firstStore has recorded, nil when that is nothing.
func (w *work) readFirst() (*record, error) {
	var stored *imapclient.GetMetadataData
	err := w.do(func(s *session) (err error) {
		stored, err = s.GetMetadata("", []string{comment}, nil).Wait()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the time of the first store: %w", err)
	}
	var r record
	if value := stored.Entries[comment]; value != nil && json.Unmarshal(*value, &r) == nil && r.Version == 1 && !r.Time.IsZero() {
		return &r, nil
	}
	return nil, nil
}

// born returns when an inbox or a shared folder was made: Cyrus makes its UIDVALIDITY of that, which the user may read.
func (w *work) born(mailbox string) (at time.Time, err error) {
	ask := func(s *session, name string) error {
		data, err := s.Status(name, &imap.StatusOptions{UIDValidity: true}).Wait()
		if err == nil {
			at = time.Unix(int64(data.UIDValidity), 0)
		}
		return err
	}
	if strings.HasPrefix(mailbox, "user/") {
		err = w.as(mailbox, func(s *session) error { return ask(s, "INBOX") })
		return at, err
	}
	err = w.withRights(mailbox, imap.RightSet("lr"), func() error {
		return w.do(func(s *session) error { return ask(s, mailbox) })
	})
	return at, err
}

// withRights gives the administrator rights to a mailbox for a while: by itself it may name, list and rename mailboxes only.
func (w *work) withRights(mailbox string, rights imap.RightSet, act func() error) error {
	if err := w.grant(mailbox, rights); err != nil {
		return err
	}
	err := act()
	if taken := w.grant(mailbox, nil); err == nil && !absent(taken) {
		err = taken
	}
	return err
}

// grant sets the administrator's rights; none removes them.
func (w *work) grant(mailbox string, rights imap.RightSet) error {
	return w.change("granting", mailbox, func(s *session) error {
		return s.SetACL(mailbox, imap.RightsIdentifier(w.cfg.User), imap.RightModificationReplace, rights).Wait()
	})
}
