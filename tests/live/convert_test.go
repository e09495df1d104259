package live

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestConvert converts a host from one layout to the other and back while mail arrives and is read; the command is killed
// some times, and called again. Nothing is lost or refused, and whoever is new meanwhile has a mailbox afterwards.
func TestConvert(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	var people []string
	for n := range 40 {
		people = append(people, fmt.Sprintf("p%d@%s", n, harness.MailDomain))
		host.Slapd.AddPerson(harness.Person{UID: fmt.Sprintf("p%d", n), Mail: people[n]})
	}
	host.Wait()
	all := map[string]*tally{}
	for _, address := range people {
		all[address] = &tally{deferred: map[string]bool{}}
		if err := host.Dovecot.Deliver(address, "first "+address); err != nil {
			t.Fatal(err)
		}
		all[address].accepted = append(all[address].accepted, "first "+address)
	}
	for round, layout := range []string{"address", "uuid"} {
		var senders []*sender
		for n, address := range people[:4] {
			senders = append(senders, startSender(host.Dovecot, fmt.Sprintf("r%d.%d", round, n), address))
		}
		for _, s := range senders {
			s.awaits(t, 0, 10)
		}
		for _, after := range []time.Duration{20, 60, 100, 150} {
			killed(t, host, after*time.Millisecond, "mailbox", "convert", "--layout", layout)
		}
		fresh := fmt.Sprintf("fresh%d@%s", round, harness.MailDomain)
		host.Slapd.AddPerson(harness.Person{UID: fmt.Sprintf("fresh%d", round), Mail: fresh})
		if out := host.Must("mailbox", "convert", "--layout", layout); !strings.HasPrefix(out, "Layout "+layout) {
			t.Errorf("convert printed %q", out)
		}
		host.Wait()
		for _, s := range senders {
			s.enter(1)
		}
		for n, s := range senders {
			s.awaits(t, 1, perLink)
			s.end(t)
			if len(s.refused) > 0 {
				t.Errorf("%s: refused %v", s.to, s.refused)
			}
			all[people[n]].add(s.tally())
		}
		if err := host.Dovecot.Deliver(fresh, "first "+fresh); err != nil {
			t.Error(err)
		}
		people = append(people, fresh)
		all[fresh] = &tally{accepted: []string{"first " + fresh}}
		for _, address := range people {
			inbox(t, host, address, *all[address])
		}
		agrees(t, host, layout, people)
	}
}

// killed runs a command and kills it after a time, unless it has ended.
func killed(t *testing.T, host *harness.Host, after time.Duration, args ...string) {
	t.Helper()
	cmd := host.Command(args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	_ = cmd.Wait() // killed, or it was fast enough
}

// inbox waits until all messages are in an inbox.
func inbox(t *testing.T, host *harness.Host, address string, all tally) {
	t.Helper()
	host.Listener.Await("all mail of "+address, func() error {
		messages, err := host.Dovecot.Messages(address, harness.Password, "INBOX")
		if err != nil {
			return err
		}
		found := map[string]int{}
		for _, m := range messages {
			found[m.Subject]++
		}
		_, err = all.compare(found)
		return err
	})
}

// agrees demands that setting, record and places are those of one layout.
func agrees(t *testing.T, host *harness.Host, layout string, people []string) {
	t.Helper()
	if key := strings.TrimSpace(host.Must("get", "mail/dovecot/location/key")); key != layout {
		t.Errorf("mail/dovecot/location/key is %s", key)
	}
	data, err := os.ReadFile(filepath.Join(host.Spool.Dir, "private/.mailreg-layout"))
	var record struct{ Layout, To string }
	if err != nil || json.Unmarshal(data, &record) != nil || record.Layout != layout || record.To != "" {
		t.Errorf("record %s, %v", data, err)
	}
	var want []string
	for uuid, address := range host.Slapd.Mailboxes() {
		home := harness.HomeByID(uuid)
		if layout == "address" {
			home = harness.HomeByAddress(address)
		}
		want = append(want, home)
	}
	slices.Sort(want)
	got := host.Spool.Homes()
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) != len(people) {
		t.Errorf("homes %q, want %q", got, want)
	}
}
