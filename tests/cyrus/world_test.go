package cyrus

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// world is a Cyrus whose stores are made, broken and removed again and again.
type world struct {
	*testing.T

	cfg   cyrus.Config
	wire  *wire
	admin *imapclient.Client
	imap  string
}

func newWorld(t *testing.T, release string) *world {
	t.Helper()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoListener: true, Cyrus: release})
	w := &world{T: t, imap: host.Cyrus.IMAP}
	w.wire = newWire(t, socketDir(t), filepath.Join(host.Root(), "run/cyrus/socket/imap"))
	w.cfg = cyrus.Config{
		Address: w.wire.path, User: harness.CyrusAdmin, Secret: filepath.Join(host.Root(), "etc/cyrus.secret"),
		Folders: []string{"Spam"}, Keep: time.Hour,
	}
	w.admin = w.login("")
	t.Cleanup(func() { _ = w.admin.Close() })
	return w
}

// login returns a session of the administrator, in whose name it may be.
func (w *world) login(as string) *imapclient.Client {
	w.Helper()
	client, err := imapclient.DialInsecure(w.imap, nil)
	w.must(err)
	w.must(client.Authenticate(sasl.NewPlainClient(as, harness.CyrusAdmin, harness.Password)))
	return client
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// daemon returns stores as a daemon has them that has just started.
func (w *world) daemon() *cyrus.Backend { return new(cyrus.Host).Backend(w.cfg) }

// clear removes all stores.
func (w *world) clear() {
	w.Helper()
	found, err := w.admin.List("", "user/%@%", nil).Collect()
	w.must(err)
	for _, mailbox := range found {
		all := imap.RightSet("lrswipkxtea")
		w.must(w.admin.SetACL(mailbox.Mailbox, harness.CyrusAdmin, imap.RightModificationReplace, all).Wait())
		w.must(w.admin.Delete(mailbox.Mailbox).Wait())
	}
}

// person is an owner by a letter, with an address by another one, of an entry that has just changed.
func person(letter, local string) backend.Owner {
	uuid, err := schema.ParseUUID(strings.Repeat(letter, 8) + "-0000-4000-8000-" + strings.Repeat(letter, 12))
	if err != nil {
		panic(err)
	}
	return backend.Owner{UUID: uuid, Address: schema.Address{Local: local, Domain: harness.MailDomain}, Changed: time.Now()}
}

func away(o backend.Owner, cause backend.Cause) backend.Away {
	return backend.Away{UUID: o.UUID, From: o.Address, Cause: cause}
}

// has gives an owner a store with a message in a folder and one in the inbox.
func (w *world) has(o backend.Owner, name string) {
	w.Helper()
	w.must(w.daemon().Ensure(w.Context(), o, true))
	w.put(o, "INBOX", name)
	w.put(o, "INBOX/Spam", name+"s")
}

// comes makes an inbox with a message where nobody has a store: somebody else has made it.
func (w *world) comes(o backend.Owner, name string) {
	w.Helper()
	w.must(w.admin.Create("user/"+o.Address.String(), nil).Wait())
	w.put(o, "INBOX", name)
}

func (w *world) put(o backend.Owner, folder, name string) {
	w.Helper()
	client := w.login(o.Address.String())
	defer client.Close()
	text := "Subject: " + name + "\r\n\r\n" + strings.Repeat("hello\r\n", 200)
	writing := client.Append(folder, int64(len(text)), nil)
	_, err := writing.Write([]byte(text))
	w.must(errors.Join(err, writing.Close()))
	_, err = writing.Wait()
	w.must(err)
}

func (w *world) limit(o backend.Owner, kilobytes int64) {
	w.Helper()
	limits := map[imap.QuotaResourceType]int64{imap.QuotaResourceStorage: kilobytes}
	w.must(w.admin.SetQuota("user/"+o.Address.String(), limits).Wait())
}

// id returns the id of the one store that was moved aside.
func (w *world) id() string {
	w.Helper()
	kept, err := w.daemon().Kept(w.Context())
	w.must(err)
	if len(kept) != 1 {
		w.Fatalf("moved aside: %+v, want one store", kept)
	}
	return kept[0].ID
}

// state describes all stores, such as "live a x INBOX/m1 INBOX/Spam/m1s": state and cause, owner, local part, mail, limit.
func (w *world) state() (all []string) {
	w.Helper()
	d := w.daemon()
	kept, err := d.Kept(w.Context())
	w.must(err)
	for store, err := range d.Stores(w.Context()) {
		w.must(err)
		kept = append(kept, store)
	}
	for _, store := range kept {
		local, _, _ := strings.Cut(store.Address, "@")
		words := []string{store.State + string(store.Cause), store.UUID.String()[:1], local}
		words = append(words, w.mail(strings.TrimPrefix(store.Path, "user/"))...)
		usage, err := d.Usage(w.Context(), store)
		w.must(err)
		if usage.Quota > 0 {
			words = append(words, fmt.Sprint(usage.Quota>>10))
		}
		all = append(all, strings.Join(words, " "))
	}
	aside, err := w.admin.List("", "user/.aside-%@%", nil).Collect()
	w.must(err)
	for _, mailbox := range aside {
		all = append(all, "forgotten "+mailbox.Mailbox)
	}
	slices.Sort(all)
	return all
}

// mail lists the messages of a user, and the folders to which the user is not subscribed, with a minus.
func (w *world) mail(user string) (all []string) {
	w.Helper()
	client := w.login(user)
	defer client.Close()
	found, err := client.List("", "*", &imap.ListOptions{ReturnSubscribed: true}).Collect()
	w.must(err)
	for _, mailbox := range found {
		if !strings.HasPrefix(mailbox.Mailbox, "INBOX") {
			continue // of another user
		}
		selected, err := client.Select(mailbox.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		w.must(err)
		if mailbox.Mailbox != "INBOX" && !slices.Contains(mailbox.Attrs, imap.MailboxAttrSubscribed) {
			all = append(all, "-"+mailbox.Mailbox)
		}
		if selected.NumMessages == 0 {
			continue
		}
		messages, err := client.Fetch(imap.SeqSet{imap.SeqRange{Start: 1}}, &imap.FetchOptions{Envelope: true}).Collect()
		w.must(err)
		for _, m := range messages {
			all = append(all, mailbox.Mailbox+"/"+m.Envelope.Subject)
		}
	}
	slices.Sort(all)
	return all
}
