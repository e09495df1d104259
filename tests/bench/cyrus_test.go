package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/quota"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	cyrusRounds = 15 // in each of which the handler and the loop take turns
	cyrusUsers  = 10 // of each round
)

// BenchmarkCyrus has the handler make mailboxes on a Cyrus, and move them to other addresses, beside a loop that sends the
// commands that change something and no question, all those of a user at once, on connections that are kept:
//
//	create-of-loop, rename-of-loop  users a second of the handler as a part of those of the loop: goal 0.8
//	create-ms, rename-ms            of the handler for each user
//
// Both make the same: inbox, folders, subscriptions and the owner's mark. They take turns, a few users at a time, and the
// median of the turns counts.
func BenchmarkCyrus(b *testing.B) {
	for b.Loop() {
		c := newCyrusBench(b)
		c.compare("create", c.create, c.bareCreate)
		c.compare("rename", c.rename, c.bareRename)
		c.check()
	}
	b.ReportMetric(0, "ns/op")
}

type cyrusBench struct {
	b       *testing.B
	host    *harness.Host
	handler *mailbox.Handler
	admin   *imapclient.Client
	folders []string
}

func newCyrusBench(b *testing.B) *cyrusBench {
	b.Helper()
	host := harness.NewHost(b, harness.HostConfig{NoPostfix: true, NoListener: true, Cyrus: "bookworm"})
	var keeper cyrus.Host
	c := &cyrusBench{b: b, host: host, folders: []string{"Spam", "Ham"}}
	view := registry.Open(host.Root()).View
	quotas := quota.New(quota.Config{
		Root: host.Root(), View: view,
		Cyrus: func(view *registry.View) quota.Stores {
			return keeper.Backend(cyrus.FromSettings(host.Root(), view, nil))
		},
	})
	quotas.Recall(slices.Values([]*schema.Entry(nil)))
	c.handler = mailbox.New(mailbox.Config{
		Root: host.Root(), View: view, Limits: quotas,
		Cyrus: func(view *registry.View) mailbox.CyrusBackend {
			return keeper.Backend(cyrus.FromSettings(host.Root(), view, nil))
		},
	})
	c.admin = c.login("")
	c.must(c.create(cyrusRounds * cyrusUsers)) // the first one, which finds out what is there
	c.must(c.rename(cyrusRounds * cyrusUsers))
	return c
}

func (c *cyrusBench) must(err error) {
	c.b.Helper()
	if err != nil {
		c.b.Fatal(err)
	}
}

// login logs the administrator in, to act as a user.
func (c *cyrusBench) login(user string) *imapclient.Client {
	c.b.Helper()
	client, err := imapclient.DialInsecure(c.host.Cyrus.IMAP, nil)
	if err == nil {
		err = client.Authenticate(sasl.NewPlainClient(user, harness.CyrusAdmin, harness.Password))
	}
	c.must(err)
	c.b.Cleanup(func() { _ = client.Close() })
	return client
}

func (c *cyrusBench) compare(what string, ours, bare func(n int) error) {
	c.b.Helper()
	var parts []float64
	var took []time.Duration
	for round := range cyrusRounds {
		first, second := ours, bare
		if round%2 == 1 {
			first, second = bare, ours
		}
		a, b := c.timed(round, first), c.timed(round, second)
		if round%2 == 1 {
			a, b = b, a
		}
		parts = append(parts, float64(b)/float64(a))
		took = append(took, a/cyrusUsers)
	}
	c.b.ReportMetric(medianOf(parts), what+"-of-loop")
	c.b.ReportMetric(milliseconds(median(took)), what+"-ms")
}

func (c *cyrusBench) timed(round int, act func(n int) error) time.Duration {
	c.b.Helper()
	begun := time.Now()
	for n := range cyrusUsers {
		c.must(act(round*cyrusUsers + n))
	}
	return time.Since(begun)
}

// resident is a user of this host with an address of one or the other kind.
func (c *cyrusBench) resident(n int, kind string) *schema.Entry {
	return member(n, address(kind, n), schema.Attribute{Name: schema.AttrHomeServer, Values: []string{"mail1.example.test"}})
}

func address(kind string, n int) string { return fmt.Sprintf("%s%04d@%s", kind, n, harness.MailDomain) }

func (c *cyrusBench) create(n int) error {
	e := c.resident(n, "old")
	return c.handler.Apply(c.b.Context(), schema.Change{UUID: e.UUID, New: e})
}

func (c *cyrusBench) rename(n int) error {
	old, e := c.resident(n, "old"), c.resident(n, "new")
	return c.handler.Apply(c.b.Context(), schema.Change{UUID: e.UUID, Old: old, New: e})
}

type waiter interface{ Wait() error }

func all(commands ...waiter) (err error) {
	for _, command := range commands {
		err = errors.Join(err, command.Wait())
	}
	return err
}

func (c *cyrusBench) mark(inbox string, n int) waiter {
	mark := fmt.Appendf(nil, `{"mailreg":1,"uuid":%q,"address":%q,"time":"2026-11-24T05:37:15Z"}`, recruit(n).UUID, strings.TrimPrefix(inbox, "user/"))
	return c.admin.SetMetadata(inbox, map[string]*[]byte{"/private/comment": &mark})
}

func (c *cyrusBench) bareCreate(n int) error {
	user := address("bare", n)
	commands := []waiter{c.admin.Create("user/"+user, nil)}
	for _, f := range c.folders {
		commands = append(commands, c.admin.Create(strings.Replace("user/"+user, "@", "/"+f+"@", 1), nil))
	}
	if err := all(append(commands, c.mark("user/"+user, n))...); err != nil {
		return err
	}
	own, err := imapclient.DialInsecure(c.host.Cyrus.IMAP, nil)
	if err != nil {
		return err
	}
	defer own.Close()
	if err := own.Authenticate(sasl.NewPlainClient(user, harness.CyrusAdmin, harness.Password)); err != nil {
		return err
	}
	commands = nil
	for _, f := range c.folders {
		commands = append(commands, own.Subscribe("INBOX/"+f))
	}
	return all(commands...)
}

func (c *cyrusBench) bareRename(n int) error {
	from, to := "user/"+address("bare", n), "user/"+address("moved", n)
	return all(c.admin.Rename(from, to, nil), c.mark(to, n))
}

// check demands that both have made the same.
func (c *cyrusBench) check() {
	c.b.Helper()
	count := func(kind string) int {
		found, err := c.admin.List("", "user/"+kind+"%@%", nil).Collect()
		c.must(err)
		deep, err := c.admin.List("", "user/"+kind+"*@%", nil).Collect()
		c.must(err)
		return len(found)*1000 + len(deep)
	}
	if ours, bare := count("new")-1003, count("moved"); ours != bare || bare == 0 {
		c.b.Fatalf("%d mailboxes of the handler, %d of the loop", ours, bare)
	}
}
