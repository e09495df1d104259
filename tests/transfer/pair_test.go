package transfer

import (
	"fmt"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

const (
	mail1 = "mail1." + harness.MailDomain
	mail2 = "mail2." + harness.MailDomain
)

// pair is two mail hosts with one directory.
type pair struct {
	t     *testing.T
	hosts [2]*harness.Host
}

// newPair makes two hosts, each with the servers of a tree (see harness.HostConfig). set is for both.
func newPair(t *testing.T, trees [2]string, set ...string) *pair {
	t.Helper()
	p := &pair{t: t}
	ports := [2]int{harness.Port(t), harness.Port(t)}
	common := append([]string{
		"mail/homeserver/transfer=yes", "mail/homeserver/transfer/listen=127.0.0.1", "mail/homeserver/transfer/linger=2 s",
		"mail/homeserver/transfer/secret=0123456789abcdef", "mailreg/guard/count=0",
		fmt.Sprintf("mail/homeserver/transfer/peer/%s=127.0.0.1:%d", mail1, ports[0]),
		fmt.Sprintf("mail/homeserver/transfer/peer/%s=127.0.0.1:%d", mail2, ports[1]),
		"mail/dovecot/auth/cache_ttl=1 hour", "mail/dovecot/auth/cache_negative_ttl=1 hour",
	}, set...)
	var directory *harness.Slapd
	for i, name := range []string{"mail1", "mail2"} {
		p.hosts[i] = harness.NewHost(t, harness.HostConfig{
			NoPostfix: true, Directory: directory, Tree: trees[i],
			Set: append([]string{"hostname=" + name, fmt.Sprintf("mail/homeserver/transfer/port=%d", ports[i])}, common...),
		})
		directory = p.hosts[0].Slapd
	}
	return p
}

// TestMoves moves users between hosts of either release, and back.
func TestMoves(t *testing.T) {
	for _, trees := range [][2]string{{"", ""}} {
		t.Run(fmt.Sprintf("%q", trees), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, trees)
			p.hosts[0].Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test", Home: mail1})
			p.wait()
			for i := range 20 {
				if err := p.hosts[0].Dovecot.Deliver("anna@example.test", fmt.Sprintf("m%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			before, err := p.hosts[0].Dovecot.Messages("anna@example.test", harness.Password, "INBOX")
			if err != nil || len(before) != 20 {
				t.Fatalf("%d messages, %v", len(before), err)
			}
			p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
			p.wait()
			harness.Await(t, "mail at mail2", func() bool {
				after, err := p.hosts[1].Dovecot.Messages("anna@example.test", harness.Password, "INBOX")
				return err == nil && len(after) == 20
			})
		})
	}
}

func (p *pair) wait() {
	p.t.Helper()
	p.hosts[0].Wait()
	p.hosts[1].Wait()
}
