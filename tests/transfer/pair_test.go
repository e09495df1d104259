package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	mail1 = "mail1." + harness.MailDomain
	mail2 = "mail2." + harness.MailDomain
)

// patience is how long anything may take on a machine that has much else to do.
const patience = 2 * time.Minute

// pair is two mail hosts with one directory.
type pair struct {
	t     *testing.T
	hosts [2]*harness.Host
}

// newPair makes two hosts without Postfix, each with the servers of a tree (see harness.HostConfig). set is for both.
func newPair(t *testing.T, trees [2]string, set ...string) *pair {
	t.Helper()
	return makePair(t, trees, harness.HostConfig{NoPostfix: true, Set: set})
}

// makePair makes two hosts that are as config says, with further settings.
func makePair(t *testing.T, trees [2]string, config harness.HostConfig) *pair {
	t.Helper()
	p := &pair{t: t}
	ports := [2]int{harness.Port(t), harness.Port(t)}
	common := append([]string{
		"mail/homeserver/transfer=yes", "mail/homeserver/transfer/listen=127.0.0.1", "mail/homeserver/transfer/linger=2 s",
		"mail/homeserver/transfer/secret=0123456789abcdef", "mailreg/guard/count=0",
		fmt.Sprintf("mail/homeserver/transfer/peer/%s=127.0.0.1:%d", mail1, ports[0]),
		fmt.Sprintf("mail/homeserver/transfer/peer/%s=127.0.0.1:%d", mail2, ports[1]),
		"mail/dovecot/auth/cache_ttl=1 hour", "mail/dovecot/auth/cache_negative_ttl=1 hour",
	}, config.Set...)
	for i, name := range []string{"mail1", "mail2"} {
		config.Tree, config.Cyrus = trees[i], ""
		if of, is := strings.CutSuffix(trees[i], "-cyrus"); is {
			config.Tree, config.Cyrus = "", of
		}
		config.Set = append([]string{"hostname=" + name, fmt.Sprintf("mail/homeserver/transfer/port=%d", ports[i])}, common...)
		p.hosts[i] = harness.NewHost(t, config)
		config.Directory = p.hosts[0].Slapd
	}
	return p
}

// server returns the mail server of a host.
func server(host *harness.Host) *harness.Server {
	if host.Cyrus != nil {
		return &host.Cyrus.Server
	}
	return &host.Dovecot.Server
}

func (p *pair) wait() {
	p.t.Helper()
	p.hosts[0].Wait()
	p.hosts[1].Wait()
}

// add adds a user of the first host, unless home says otherwise, and gives the user mail there.
func (p *pair) add(uid, home string, subjects ...string) (uuid string) {
	p.t.Helper()
	uuid = p.hosts[0].Slapd.AddPerson(harness.Person{UID: uid, Mail: mail(uid), Home: home})
	p.wait()
	p.deliver(0, mail(uid), subjects...)
	return uuid
}

func mail(uid string) string { return uid + "@" + harness.MailDomain }

func (p *pair) deliver(host int, address string, subjects ...string) {
	p.t.Helper()
	for _, subject := range subjects {
		if err := server(p.hosts[host]).Deliver(address, subject); err != nil {
			p.t.Fatalf("delivering %s to %s: %v", subject, address, err)
		}
	}
}

// reads waits until a user reads these messages on a host.
func (p *pair) reads(host int, address string, subjects ...string) {
	p.t.Helper()
	until(p.t, patience, address, func() error {
		got := server(p.hosts[host]).Subjects(address, harness.Password)
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(subjects)); !slices.Equal(got, want) {
			return fmt.Errorf("reads %q, want %q", got, want)
		}
		return nil
	})
}

// settled waits until no host knows of a move.
func (p *pair) settled() {
	p.t.Helper()
	until(p.t, patience, "the moves", func() error {
		for _, host := range p.hosts {
			if moves := movesOf(host); len(moves) > 0 {
				return fmt.Errorf("%+v", moves)
			}
		}
		return nil
	})
}

func movesOf(host *harness.Host) (moves []control.Move) {
	host.JSON(&moves, "mailbox", "move")
	return moves
}

// state waits until the move of an address is in a state on a host.
func (p *pair) state(host int, address, state string) {
	p.t.Helper()
	until(p.t, patience, address, func() error {
		moves := movesOf(p.hosts[host])
		for _, m := range moves {
			if m.Address == address && m.State == state {
				return nil
			}
		}
		return fmt.Errorf("is not %s: %+v", state, moves)
	})
}
