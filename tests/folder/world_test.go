package folder_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

const domain = harness.MailDomain

// world is a host with users a, b and c.
type world struct {
	*harness.Host
	t *testing.T
}

func newWorld(t *testing.T, set ...string) *world {
	t.Helper()
	w := &world{harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: append([]string{"mailreg/guard/count=0"}, set...)}), t}
	for _, uid := range []string{"a", "b", "c"} {
		w.Slapd.AddPerson(harness.Person{UID: uid, Mail: mail(uid)})
	}
	return w
}

func mail(local string) string { return local + "@" + domain }

func dn(name string) string { return "cn=" + name + "," + harness.BaseDN }

// add adds a folder that is at home here. An empty address makes it a public one.
func (w *world) add(name, address string, acl ...string) string {
	w.t.Helper()
	attrs := map[string][]string{
		"objectClass": {"univentionMailSharedFolder"}, "cn": {name + "@" + domain}, "univentionMailHomeServer": {harness.HostName},
	}
	if address != "" {
		attrs["mailPrimaryAddress"] = []string{address}
	}
	if len(acl) > 0 {
		attrs["univentionMailACL"] = acl
	}
	return w.Slapd.Add(dn(escape(name)+"@"+domain), attrs)
}

func escape(name string) string { return strings.NewReplacer(`"`, `\"`, "+", `\+`).Replace(name) }

// group adds a group whose members are DNs.
func (w *world) group(name string, members ...string) string {
	w.t.Helper()
	return w.Slapd.Add(dn(name), map[string][]string{"objectClass": {"groupOfNames"}, "cn": {name}, "member": members})
}

// as runs with a session of a user.
func (w *world) as(uid string, do func(*imapclient.Client)) {
	w.t.Helper()
	client, err := w.Dovecot.Login(mail(uid), harness.Password)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	do(client)
}

// rights returns what a user may do with a mailbox, the letters of RFC 4314 sorted, "" when it cannot be seen.
func (w *world) rights(uid, mailbox string) (letters string) {
	w.t.Helper()
	w.as(uid, func(c *imapclient.Client) {
		data, err := c.MyRights(mailbox).Wait()
		if err != nil {
			if refused := (*imap.Error)(nil); !errors.As(err, &refused) {
				w.t.Fatalf("MYRIGHTS %s of %s: %v", mailbox, uid, err)
			}
			return
		}
		// Dovecot adds the obsolete c and d.
		set := slices.DeleteFunc([]byte(data.Rights.String()), func(c byte) bool { return c == 'c' || c == 'd' })
		slices.Sort(set)
		letters = string(set)
	})
	return letters
}

func (w *world) wantRights(uid, mailbox, want string) {
	w.t.Helper()
	set := []byte(want)
	slices.Sort(set)
	if got := w.rights(uid, mailbox); got != string(set) {
		w.t.Errorf("%s has the rights %q to %s, want %q", uid, got, mailbox, string(set))
	}
}

// soonRights is wantRights for what Dovecot notices within two seconds.
func (w *world) soonRights(uid, mailbox, want string) {
	w.t.Helper()
	set := []byte(want)
	slices.Sort(set)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && w.rights(uid, mailbox) != string(set); {
	}
	w.wantRights(uid, mailbox, want)
}

// lists returns the mailboxes of others that a user sees, sorted; the names above them are not among them.
func (w *world) lists(uid string) (names []string) {
	w.t.Helper()
	w.as(uid, func(c *imapclient.Client) {
		list, err := c.List("", "*", nil).Collect()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, data := range list {
			own := !strings.Contains(data.Mailbox, "/")
			if !own && !slices.Contains(data.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(names, data.Mailbox) {
				names = append(names, data.Mailbox)
			}
		}
	})
	slices.Sort(names)
	return names
}

func (w *world) wantList(uid string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.lists(uid); !slices.Equal(got, want) {
		w.t.Errorf("%s sees %q, want %q", uid, got, want)
	}
}

// put appends a message.
func (w *world) put(uid, mailbox, subject string) error {
	w.t.Helper()
	return w.putText(uid, mailbox, fmt.Sprintf("From: %s\r\nSubject: %s\r\n\r\nbody\r\n", mail(uid), subject))
}

func (w *world) putText(uid, mailbox, text string) (err error) {
	w.t.Helper()
	w.as(uid, func(c *imapclient.Client) {
		command := c.Append(mailbox, int64(len(text)), nil)
		if _, err = command.Write([]byte(text)); err == nil {
			err = command.Close()
		}
		if err == nil {
			_, err = command.Wait()
		}
	})
	return err
}

func (w *world) create(uid, mailbox string) (err error) {
	w.t.Helper()
	w.as(uid, func(c *imapclient.Client) { err = c.Create(mailbox, nil).Wait() })
	return err
}

// reads expects the subjects of a mailbox.
func (w *world) reads(uid, mailbox string, want ...string) {
	w.t.Helper()
	messages, err := w.Dovecot.Messages(mail(uid), harness.Password, mailbox)
	if err != nil {
		w.t.Errorf("%v", err)
		return
	}
	var got []string
	for _, m := range messages {
		got = append(got, m.Subject)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		w.t.Errorf("%s reads %q in %s, want %q", uid, got, mailbox, want)
	}
}

// refused expects that something was not allowed.
func (w *world) refused(what string, err error) {
	w.t.Helper()
	if refused := (*imap.Error)(nil); !errors.As(err, &refused) {
		w.t.Errorf("%s: %v, want a refusal", what, err)
	}
}

func (w *world) ok(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
}
