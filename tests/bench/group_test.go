package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/dovecot/sharing"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	groupMembers = 50_000
	groupLogins  = 60
)

// BenchmarkGroup logs in a user who is in a group with shared folders, and in the one that this is in, in turns on two hosts:
//
//	x-small  where they have 50,000 members, as a multiple of where the user is the only one: goal 1
//	ms       the former login
func BenchmarkGroup(b *testing.B) {
	for b.Loop() {
		large, small := newGroupHost(b, groupMembers), newGroupHost(b, 1)
		var ratios []float64
		var took []time.Duration
		for range groupLogins {
			l, s := login(b, large), login(b, small)
			ratios, took = append(ratios, float64(l)/float64(s)), append(took, l)
		}
		b.ReportMetric(medianOf(ratios), "x-small")
		b.ReportMetric(milliseconds(median(took)), "ms")
	}
	b.ReportMetric(0, "ns/op")
}

func newGroupHost(b *testing.B, members int) *harness.Host {
	b.Helper()
	host := harness.NewHost(b, harness.HostConfig{NoPostfix: true, NoListener: true, NoDovecot: true})
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@" + harness.MailDomain})
	settings := registry.Open(host.Root())
	there := registry.Edit{Layer: registry.Normal, Internal: true, Set: []registry.Assignment{{Key: "mail/dovecot/sharedfolders", Value: "yes"}}}
	if _, err := settings.Change(b.Context(), there); err != nil {
		b.Fatal(err)
	}
	view, err := settings.View()
	if err != nil {
		b.Fatal(err)
	}
	stores, err := dovecot.Open(mailbox.SpoolConfig(host.Root(), view, nil))
	if err != nil {
		b.Fatal(err)
	}
	all := map[string][]string{"anna@" + harness.MailDomain: {"inner", "outer"}}
	for n := len(all); n < members; n++ {
		all[fmt.Sprintf("user%06d@%s", n, harness.MailDomain)] = []string{"inner", "outer"}
	}
	if err := sharing.New(sharing.Config{Root: host.Root(), Stores: stores, Registry: settings}).SetGroups(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	host.Dovecot = harness.NewDovecot(b, host.Sandbox, view.String("mail/dovecot/listen")+":"+view.String("mail/dovecot/imap/port"))
	out, err := exec.Command(harness.Program(b, "doveadm"), "-c", filepath.Join(host.Root(), "etc/dovecot/dovecot.conf"),
		"user", "anna@"+harness.MailDomain).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "inner,outer") {
		b.Fatalf("Dovecot does not know the groups: %v: %s", err, out)
	}
	login(b, host)
	return host
}

func login(b *testing.B, host *harness.Host) time.Duration {
	b.Helper()
	begun := time.Now()
	client, err := host.Dovecot.Login("anna@"+harness.MailDomain, harness.Password)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	if err := client.Logout().Wait(); err != nil {
		b.Fatal(err)
	}
	return took
}
