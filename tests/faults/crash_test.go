package faults_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

const (
	changes = 200
	kills   = 10
	crowd   = 40
)

var runs = flag.Int("crash.runs", 4, "how many times TestCrash tells its story, each with a seed of its own")

// TestCrash proves that nothing is lost or mixed up when the listener is killed at any moment: 200 random changes, 10
// kills among them; afterwards the replica equals the directory, the stores equal the directory, and everybody who is
// still there has the mail of before, and nobody else's. In layout uuid a Dovecot serves the stores.
func TestCrash(t *testing.T) {
	for seed := range *runs {
		layout := []string{"uuid", "address"}[seed%2]
		t.Run(fmt.Sprintf("%s/seed=%d", layout, seed), func(t *testing.T) {
			t.Parallel()
			c := &chaos{t: t, host: newChaosHost(t, layout), rand: rand.New(rand.NewPCG(uint64(seed), 2))}
			for range crowd {
				c.add()
			}
			c.host.Wait()
			mail := mailByUUID(c.host, layout)
			c.run()
			c.host.Wait()
			if waiting := parked(c.host); len(waiting) > 0 {
				t.Errorf("parked: %+v", waiting)
			}
			checkReplica(t, c.host)
			checkHomes(t, c.host, homesOf(c.host, layout))
			c.checkMail(layout, mail)
			if c.host.Dovecot != nil {
				c.checkInboxes(mail)
			}
		})
	}
}

func newChaosHost(t *testing.T, layout string) *harness.Host {
	t.Helper()
	if layout == "address" {
		return newHost(t, "mailreg/guard/count=0")
	}
	return harness.NewHost(t, harness.HostConfig{
		NoPostfix: true,
		Set:       []string{"mailreg/service/postfix=no", "mailreg/guard/count=0", "mail/dovecot/mailbox/delete=yes"},
	})
}

// chaos makes random changes to a crowd of people.
type chaos struct {
	t    *testing.T
	host *harness.Host
	rand *rand.Rand
	// people are those in the directory now; released are addresses that nobody has any more.
	people   []*someone
	released []string
	count    int
}

type someone struct{ dn, mail string }

// run makes the changes. Kills fall between one change and the next, while the listener is still at work on the last
// ones; the next change does not wait until it is back.
func (c *chaos) run() {
	kill := map[int]bool{}
	for len(kill) < kills {
		kill[c.rand.IntN(changes)] = true
	}
	for i := range changes {
		c.change()
		if !kill[i] {
			continue
		}
		// Some kills hit the start, some the refresh, some the daily work.
		<-time.After(time.Duration(c.rand.IntN(15)) * time.Millisecond)
		c.host.Listener.Kill()
		c.host.Listener.Spawn()
	}
	c.host.Listener.Kill()
	c.host.Listener.Start()
}

func (c *chaos) change() {
	p := c.people[c.rand.IntN(len(c.people))]
	switch c.rand.IntN(7) {
	case 0:
		c.add()
	case 1:
		c.remove(p)
	case 2:
		c.setMail(p, c.address())
	case 3:
		// Without an address for a while.
		c.setMail(p, "")
	case 4:
		c.swap(p, c.people[c.rand.IntN(len(c.people))])
	case 5:
		c.count++
		p.dn = c.host.Slapd.Rename(p.dn, fmt.Sprintf("uid=renamed%d", c.count), "")
	case 6:
		superior := harness.StaffDN
		if strings.HasSuffix(p.dn, superior) {
			superior = harness.PeopleDN
		}
		rdn, _, _ := strings.Cut(p.dn, ",")
		p.dn = c.host.Slapd.Rename(p.dn, rdn, superior)
	}
}

// address returns one that nobody has: now a new one, now one that somebody has had.
func (c *chaos) address() string {
	if len(c.released) > 0 && c.rand.IntN(2) == 0 {
		at := c.rand.IntN(len(c.released))
		address := c.released[at]
		c.released = slices.Delete(c.released, at, at+1)
		return address
	}
	c.count++
	return fmt.Sprintf("a%d@%s", c.count, harness.MailDomain)
}

func (c *chaos) add() {
	c.count++
	uid, mail := fmt.Sprintf("user%d", c.count), c.address()
	c.host.Slapd.AddPerson(harness.Person{UID: uid, Mail: mail})
	c.people = append(c.people, &someone{dn: harness.DN(uid), mail: mail})
}

func (c *chaos) remove(p *someone) {
	c.host.Slapd.Delete(p.dn)
	c.release(p.mail)
	c.people = slices.DeleteFunc(c.people, func(o *someone) bool { return o == p })
}

func (c *chaos) release(address string) {
	if address != "" {
		c.released = append(c.released, address)
	}
}

func (c *chaos) setMail(p *someone, address string) {
	c.host.Slapd.SetMail(p.dn, address)
	c.release(p.mail)
	p.mail = address
}

// swap exchanges two addresses; in between both have the same.
func (c *chaos) swap(p, q *someone) {
	c.host.Slapd.SetMail(p.dn, q.mail)
	c.host.Slapd.SetMail(q.dn, p.mail)
	p.mail, q.mail = q.mail, p.mail
}

// checkMail looks for the messages of the beginning.
func (c *chaos) checkMail(layout string, uuids []string) {
	c.t.Helper()
	found := c.host.Spool.Messages()
	living := c.host.Slapd.Mailboxes()
	for _, uuid := range uuids {
		paths := found[uuid]
		if len(paths) != 1 {
			c.t.Errorf("the message of %s is in %q, want it once", uuid, paths)
			continue
		}
		want := ".trash/"
		if address, lives := living[uuid]; lives {
			want = harness.HomeByAddress(address) + "/"
			if layout == "uuid" {
				want = harness.HomeByID(uuid) + "/"
			}
		}
		if !strings.HasPrefix(paths[0], want) {
			c.t.Errorf("the message of %s is in %s, want it below %s", uuid, paths[0], want)
		}
	}
}

// checkInboxes looks at the inboxes over IMAP: each holds the owner's message of the beginning, if there was one, and
// nothing else.
func (c *chaos) checkInboxes(uuids []string) {
	c.t.Helper()
	for uuid, address := range c.host.Slapd.Mailboxes() {
		var want []string
		if slices.Contains(uuids, uuid) {
			want = []string{uuid}
		}
		if got := c.host.Dovecot.Subjects(address, harness.Password); !slices.Equal(got, want) {
			c.t.Errorf("%s reads %q, want %q", address, got, want)
		}
	}
}
