package live

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
	"github.com/mailreg/mailreg/tests/harness/child"
)

var stride = flag.Int("live.stride", 17, "TestSwapUnderLoad kills the daemon before every so manieth change of the disk")

// swapLimit is how long a change may take, with the daemon killed in it.
const swapLimit = 30 * time.Second

// people of the story; each has one of the addresses, or none of those.
var people = []string{"anna", "ben", "carl"}

// swaps is the story: who has which address by phase. Odd phases are those in which the directory changes: there mail may
// be the former owner's or the next one's.
type swaps struct {
	t       *testing.T
	host    *harness.Host
	control *control.Client
	senders map[string]*sender
	// owners are by address, for each even phase.
	owners []map[string]string
	fresh  int
}

// TestSwapUnderLoad lets people swap addresses, rotate them, and pass them on in a chain, while mail arrives at each
// address every 5 ms, and kills the daemon in each change, before a later change of the disk each time, until it comes through.
// In the end everybody has exactly their own mail.
func TestSwapUnderLoad(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{
		NoPostfix: true, NoListener: true, Set: []string{"mail/dovecot/location/key=address"},
	})
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host.Listener = harness.StandIn(t, host.Sandbox, program, child.Flag)
	s := &swaps{
		t: t, host: host, senders: map[string]*sender{},
		control: control.NewClient(filepath.Join(host.Root(), "run/mailreg/control.sock")),
	}
	first := map[string]string{}
	for _, who := range people {
		first[address(who)] = who
		host.Slapd.AddPerson(harness.Person{UID: who, Mail: address(who)})
	}
	s.owners = append(s.owners, first)
	s.settle()
	for a := range first {
		s.senders[a] = startSender(host.Dovecot, "to "+a, a)
	}
	deaths := 0
	for round, died := 0, true; died; round++ {
		died = s.round(round, 1+round**stride)
		if died {
			deaths++
		}
	}
	t.Logf("killed %d times", deaths)
	s.check()
}

func address(local string) string { return local + "@" + harness.MailDomain }

// round makes one change, and reports whether the daemon has died in it.
func (s *swaps) round(round, dieAt int) bool {
	s.t.Helper()
	phase := 2 * (len(s.owners) - 1)
	for a, sender := range s.senders {
		if s.owners[len(s.owners)-1][a] != "" {
			sender.awaits(s.t, phase, 3)
		}
	}
	for a, sender := range s.senders {
		sender.enter(phase + 1)
		if s.owners[len(s.owners)-1][a] != "" {
			sender.awaits(s.t, phase+1, 1) // so that none of the phase before is on its way
		}
	}
	s.tell(strconv.Itoa(dieAt))
	s.change(round)
	s.settle()
	s.tell("")
	for _, sender := range s.senders {
		sender.enter(phase + 2)
	}
	err := os.Remove(filepath.Join(s.host.Root(), "died"))
	return err == nil
}

// change lets people have other addresses: a swap, a rotation, or a chain at whose end is a new address.
func (s *swaps) change(round int) {
	now := s.owners[len(s.owners)-1]
	has := map[string]string{}
	for a, who := range now {
		has[who] = a
	}
	next := map[string]string{"anna": has["ben"], "ben": has["anna"], "carl": has["carl"]}
	switch round % 3 {
	case 1:
		next = map[string]string{"anna": has["ben"], "ben": has["carl"], "carl": has["anna"]}
	case 2:
		s.fresh++
		next = map[string]string{"anna": address(fmt.Sprintf("fresh%d", s.fresh)), "ben": has["anna"], "carl": has["ben"]}
	}
	owners := map[string]string{}
	for _, who := range people {
		owners[next[who]] = who
		if s.senders[next[who]] == nil {
			s.senders[next[who]] = startSender(s.host.Dovecot, "to "+next[who], next[who])
			s.senders[next[who]].enter(2*len(s.owners) - 1)
		}
	}
	s.owners = append(s.owners, owners)
	for _, who := range people {
		if next[who] != has[who] {
			s.host.Slapd.SetMail(harness.DN(who), next[who])
		}
	}
}

func (s *swaps) tell(number string) {
	s.t.Helper()
	file := filepath.Join(s.host.Root(), "die")
	if number == "" {
		_ = os.Remove(file) // it may not be there
		return
	}
	if err := errors.Join(os.WriteFile(file+".new", []byte(number), 0o644), os.Rename(file+".new", file)); err != nil {
		s.t.Fatal(err)
	}
}

// settle waits until all is done, with a daemon that is started again when it has died.
func (s *swaps) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), swapLimit)
	defer cancel()
	for {
		if s.host.Listener.Process == nil || !s.host.Listener.Running() {
			s.host.Listener.Spawn()
		}
		_, err := s.control.Wait(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			s.t.Fatalf("waiting: %v", err)
		}
		time.Sleep(pace)
	}
}

// check ends the senders, and looks for each message with whom it may be.
func (s *swaps) check() {
	s.t.Helper()
	for _, sender := range s.senders {
		sender.end(s.t)
	}
	mail := map[string]string{}
	for a, who := range s.owners[len(s.owners)-1] {
		mail[who] = a
	}
	s.host.Listener.Await("everybody's mail", func() error {
		found := map[string][]string{}
		for _, who := range people {
			messages, err := s.host.Dovecot.Messages(mail[who], harness.Password, "INBOX")
			if err != nil {
				return err
			}
			for _, m := range messages {
				found[m.Subject] = append(found[m.Subject], who)
			}
		}
		return s.compare(found)
	})
}

// compare says what is wrong with where messages were found.
func (s *swaps) compare(found map[string][]string) error {
	var wrong []error
	count, twice := 0, 0
	for a, sender := range s.senders {
		for _, subject := range sender.accepted {
			count++
			where := found[subject]
			phase, _ := strconv.Atoi(strings.Split(strings.TrimPrefix(subject, sender.name+"."), ".")[0])
			may := s.may(a, phase, sender.deferred[subject])
			alien := func(who string) bool { return !slices.Contains(may, who) }
			switch {
			case len(where) == 0:
				wrong = append(wrong, fmt.Errorf("%q is lost", subject))
			case len(where) > 1 && !sender.deferred[subject]:
				wrong = append(wrong, fmt.Errorf("%q is with %q", subject, where))
			case slices.ContainsFunc(where, alien):
				wrong = append(wrong, fmt.Errorf("%q is with %q, not with %q", subject, where, may))
			}
			twice += max(len(where)-1, 0)
		}
	}
	s.t.Logf("%d messages, %d twice after a 451, %d wrong", count, twice, len(wrong))
	if len(wrong) > 8 {
		wrong = wrong[:8]
	}
	return errors.Join(wrong...)
}

// may tells who may have the mail to an address that was sent in a phase; what was deferred came later.
func (s *swaps) may(a string, phase int, deferred bool) []string {
	first, last := phase/2, (phase+1)/2
	if deferred {
		last++
	}
	var who []string
	for n := first; n <= min(last, len(s.owners)-1); n++ {
		if owner := s.owners[n][a]; owner != "" {
			who = append(who, owner)
		}
	}
	return who
}
