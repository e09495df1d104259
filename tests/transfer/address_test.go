package transfer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestLayoutAddress moves a user whose mail home is named by the address, which changes with the home server: flags and
// numbers are kept, and whoever gets the former address finds nothing in it.
func TestLayoutAddress(t *testing.T) {
	t.Parallel()
	p := newPair(t, [2]string{}, "mail/dovecot/location/key=address")
	var subjects []string
	for n := range 50 {
		subjects = append(subjects, fmt.Sprintf("kept.%d", n))
	}
	p.add("anna", mail1, subjects...)
	client, err := p.hosts[0].Dovecot.Login(mail("anna"), harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	store := client.Store(imap.UIDSet{imap.UIDRange{Start: 9, Stop: 12}}, &imap.StoreFlags{
		Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged, "$kept"},
	}, nil)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := p.hosts[0].Dovecot.Messages(mail("anna"), harness.Password, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	p.hosts[0].Slapd.Move(harness.DN("anna"), mail("maria"), mail2)
	p.reads(1, mail("maria"), subjects...)
	p.settled()
	after, err := p.hosts[1].Dovecot.Messages(mail("maria"), harness.Password, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("before and after the move (-before +after):\n%s", diff)
	}
	var shown struct{ Path, State string }
	p.hosts[1].JSON(&shown, "mailbox", "show", mail("maria"))
	if shown.State != "live" || !strings.HasSuffix(shown.Path, "/private/"+harness.MailDomain+"/maria") {
		t.Errorf("at the new host: %+v", shown)
	}
	p.add("ben", mail1)
	p.hosts[0].Slapd.Move(harness.DN("ben"), mail("anna"), mail1)
	p.wait()
	p.deliver(0, mail("anna"), "for ben")
	p.reads(0, mail("anna"), "for ben")
}
