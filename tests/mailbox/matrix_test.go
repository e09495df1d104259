package mailbox_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestMatrix proves where the mail of each person is after each event of the decision table, on each backend and layout,
// for the four settings of rename and delete: when the listener follows each change, and when it finds all of them at its
// return. Where a mail server runs, it is asked over IMAP and LMTP as well. DIST says for which release.
func TestMatrix(t *testing.T) {
	for _, kind := range kinds() {
		for _, rename := range []string{"yes", "no"} {
			for _, remove := range []string{"no", "yes"} {
				for _, away := range []bool{false, true} {
					if kind.backend == "cyrus" && away && (rename == "no" || remove == "yes") {
						continue // what is found at the return is the same for every backend
					}
					name := fmt.Sprintf("%s/%s/rename=%s,delete=%s,away=%v", kind.backend, kind.layout, rename, remove, away)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						m := newMatrix(t, kind, rename, remove)
						m.away = away
						for i := range 2 {
							m.step(i)
						}
						m.late()
					})
				}
			}
		}
	}
}

// kind is a way to keep mail.
type kind struct {
	backend string
	// layout is that of the mail homes, or the release of Cyrus, which knows one layout only.
	layout string
}

// kinds has Cyrus of the release that the test runs on only: DIST brings the other one.
func kinds() []kind {
	return []kind{
		{"maildir", "uuid"}, {"maildir", "address"}, {"dovecot", "uuid"}, {"dovecot", "address"}, {"cyrus", harness.Release()},
	}
}

// config returns a host that keeps mail in this way.
func (k kind) config(set ...string) harness.HostConfig {
	if k.backend == "cyrus" {
		for i, setting := range set {
			set[i] = strings.Replace(setting, "mail/dovecot/mailbox/", "mail/cyrus/mailbox/", 1)
		}
		return harness.HostConfig{NoPostfix: true, Cyrus: k.layout, Set: set}
	}
	return harness.HostConfig{
		NoPostfix: true, NoDovecot: k.backend != "dovecot",
		Set: append(set, "mail/mailbox/backend="+k.backend, "mail/dovecot/location/key="+k.layout),
	}
}

// server is the mail server of a host.
type server interface {
	Deliver(to, subject string) error
	Knows(address string) (bool, error)
	Messages(user, password, folder string) ([]harness.Message, error)
}

// matrix is a host on which all stories are played at once.
type matrix struct {
	kind

	t              *testing.T
	host           *harness.Host
	server         server // nil when none runs
	rename, remove string
	// away makes the listener miss the changes and find them at its return.
	away    bool
	stories []story
	mail    []*letter
	// addresses are all that anybody has had.
	addresses map[string]bool
}

// letter is the message that a person has had from the beginning.
type letter struct {
	subject, uuid, address string
	// place is the home in which the message was last alive.
	place string
}

func newMatrix(t *testing.T, kind kind, rename, remove string) *matrix {
	t.Helper()
	m := &matrix{kind: kind, t: t, rename: rename, remove: remove, stories: stories(), addresses: map[string]bool{}}
	m.host = harness.NewHost(t, kind.config("mail/dovecot/mailbox/rename="+rename, "mail/dovecot/mailbox/delete="+remove, "mailreg/guard/count=0"))
	switch {
	case m.host.Dovecot != nil:
		m.server = m.host.Dovecot
	case m.host.Cyrus != nil:
		m.server, m.stories = m.host.Cyrus, cyrusStories()
	}
	for _, s := range m.stories {
		w := m.world(s)
		for _, p := range s.people {
			person := w.person(p)
			if s.home != "" {
				person.Home = s.home
			}
			m.mail = append(m.mail, &letter{subject: person.UID, uuid: w.AddPerson(person), address: person.Mail})
		}
	}
	m.wait()
	for _, l := range m.mail {
		m.deliver(l.uuid, l.address, l.subject)
		l.place = m.home(l.uuid, l.address)
	}
	m.remember()
	return m
}

func (m *matrix) world(s story) world {
	w := world{Directory: m.host.Slapd.Directory, name: s.name}
	if m.backend == "cyrus" {
		w.home = mine
	}
	return w
}

// taken returns the address of each mailbox that is at home here, by entryUUID.
func (m *matrix) taken() map[string]string {
	mailboxes := m.host.Slapd.Mailboxes()
	if m.backend == "cyrus" {
		for _, e := range m.host.Slapd.Entries("(&(mailPrimaryAddress=*)(!(univentionMailHomeServer=*)))") {
			delete(mailboxes, e.UUID.String())
		}
	}
	return mailboxes
}

// messages returns where each message is, by subject.
func (m *matrix) messages() map[string][]string {
	m.t.Helper()
	if m.backend == "cyrus" {
		return m.host.Cyrus.Places()
	}
	return m.host.Spool.Messages()
}

// deliver puts a message where mail to the address goes now.
func (m *matrix) deliver(uuid, address, subject string) {
	m.t.Helper()
	if m.server == nil {
		m.host.Spool.Deliver(m.home(uuid, address), subject)
		return
	}
	if err := m.server.Deliver(address, subject); err != nil {
		m.t.Fatalf("delivering to %s: %v", address, err)
	}
}

// wait waits for the listener; nothing may wait for a person afterwards.
func (m *matrix) wait() {
	m.t.Helper()
	m.host.Wait()
	var parked []control.Parked
	m.host.JSON(&parked, "listener", "parked")
	for _, p := range parked {
		m.t.Errorf("parked: %s: %s", p.DN, p.Reason)
	}
}

func (m *matrix) home(uuid, address string) string {
	switch {
	case m.backend == "cyrus":
		return "user/" + address
	case m.layout == "uuid":
		return harness.HomeByID(uuid)
	default:
		return harness.HomeByAddress(address)
	}
}

// remember notes which addresses are taken now.
func (m *matrix) remember() {
	for _, address := range m.taken() {
		m.addresses[address] = true
	}
}

// step plays one step of every story and looks at all of them.
func (m *matrix) step(i int) {
	m.t.Helper()
	var want []string
	if m.away {
		m.host.Listener.Stop()
	}
	for _, s := range m.stories {
		last := min(i, len(s.steps)-1)
		if last == i {
			s.steps[i].change(m.world(s))
		}
		want = append(want, s.steps[last].want.of(m.rename, m.remove)...)
	}
	if m.away {
		m.host.Listener.Start()
	}
	m.wait()
	m.remember()
	m.checkPlaces(i, want)
	m.checkReaders(i, want)
	m.checkStrangers(i)
}

// checkPlaces looks at the spool: each message is there once, where it belongs.
func (m *matrix) checkPlaces(step int, want []string) {
	m.t.Helper()
	found := m.messages()
	taken := m.taken()
	for i, l := range m.mail {
		paths := found[l.subject]
		if len(paths) != 1 {
			m.t.Errorf("step %d: message %s is in %q, want it once", step, l.subject, paths)
			continue
		}
		prefix := map[string]string{trash: ".trash/", quarantine: ".quarantine/", kept: l.place + "/"}
		if m.backend == "cyrus" {
			prefix[trash], prefix[quarantine] = "user/.deleted-", "user/.quarantined-"
		}
		where := m.where(want[i])
		if where == live {
			l.place = m.home(l.uuid, taken[l.uuid])
			prefix[live] = l.place + "/"
		}
		if !strings.HasPrefix(paths[0], prefix[where]) {
			m.t.Errorf("step %d: message %s is in %s, want it %s (%s)", step, l.subject, paths[0], where, prefix[where])
		}
	}
}

// where resolves the words whose meaning depends on the layout.
func (m *matrix) where(word string) string {
	switch {
	case word == aside && m.layout == "uuid", word == yielded && m.layout != "uuid":
		return quarantine
	case word == aside, word == yielded:
		return kept
	}
	return word
}

// checkReaders looks over IMAP, or into the homes where no server runs: each person who has a mailbox here reads the own
// mail and nobody else's.
func (m *matrix) checkReaders(step int, want []string) {
	m.t.Helper()
	mail := map[string][]string{}
	for i, l := range m.mail {
		if want[i] == live {
			mail[l.uuid] = append(mail[l.uuid], l.subject)
		}
	}
	m.compareInboxes(fmt.Sprintf("step %d", step), mail)
}

// compareInboxes compares the inboxes of all who have a mailbox here with those wanted, by entryUUID.
func (m *matrix) compareInboxes(what string, want map[string][]string) {
	m.t.Helper()
	taken := m.taken()
	inboxes := make([][]string, len(taken))
	uuids := slices.Sorted(maps.Keys(taken))
	var group errgroup.Group
	group.SetLimit(4)
	for i, uuid := range uuids {
		group.Go(func() (err error) {
			inboxes[i], err = m.inbox(uuid, taken[uuid])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		m.t.Errorf("%s: %v", what, err)
		return
	}
	for i, uuid := range uuids {
		if diff := cmp.Diff(slices.Sorted(slices.Values(want[uuid])), slices.Sorted(slices.Values(inboxes[i]))); diff != "" {
			m.t.Errorf("%s: inbox of %s (%s), -want +got:\n%s", what, taken[uuid], uuid, diff)
		}
	}
}

func (m *matrix) inbox(uuid, address string) ([]string, error) {
	if m.server == nil {
		return m.host.Spool.Subjects(m.home(uuid, address))
	}
	messages, err := m.server.Messages(address, harness.Password, "INBOX")
	var subjects []string
	for _, message := range messages {
		subjects = append(subjects, message.Subject)
	}
	return subjects, err
}

// checkStrangers proves that an address which nobody has here any more takes no mail.
func (m *matrix) checkStrangers(step int) {
	m.t.Helper()
	if m.server == nil || m.backend == "cyrus" { // which takes mail for a store that is kept, if Postfix gives it any
		return
	}
	taken := slices.Collect(maps.Values(m.taken()))
	for address := range m.addresses {
		if slices.Contains(taken, address) {
			continue
		}
		known, err := m.server.Knows(address)
		if err != nil || known {
			m.t.Errorf("step %d: %s is still known (%v)", step, address, err)
		}
	}
}

// late delivers one more message to each address: it reaches who has the address now, beside the mail of old.
func (m *matrix) late() {
	m.t.Helper()
	want := map[string][]string{}
	taken := m.taken()
	for uuid, address := range taken {
		m.deliver(uuid, address, "late "+address)
		want[uuid] = append(want[uuid], "late "+address)
	}
	found := m.messages()
	for _, l := range m.mail {
		home := m.home(l.uuid, taken[l.uuid])
		if len(found[l.subject]) == 1 && strings.HasPrefix(found[l.subject][0], home+"/") {
			want[l.uuid] = append(want[l.uuid], l.subject)
		}
	}
	m.compareInboxes("at the end", want)
}
