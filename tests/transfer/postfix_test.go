package transfer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestStaleRoute has the mail server of the former host know a route to its own Dovecot when the user moves: what is sent
// through it all the time is at the new host once each, and nothing comes back.
func TestStaleRoute(t *testing.T) {
	t.Parallel()
	p := makePair(t, [2]string{}, harness.HostConfig{})
	p.hosts[0].Slapd.AddDomain(harness.MailDomain)
	p.routeTo(p.hosts[1].Postfix.SMTP)
	p.add("anna", mail1)
	p.send("before")
	p.reads(0, mail("anna"), "before") // by a route that is known for half a minute from now on
	reloads := p.hosts[0].Postfix.Reloads()

	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	sent := []string{"before"}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		subject := fmt.Sprintf("meanwhile.%d", len(sent))
		p.send(subject)
		sent = append(sent, subject)
		if slices.Contains(p.hosts[1].Dovecot.Subjects(mail("anna"), harness.Password), "before") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the mail has not moved")
		}
	}
	p.settled()
	until(t, patience, "the second reload", func() error {
		if now := p.hosts[0].Postfix.Reloads(); now < reloads+2 { // when the move began, and when it was over
			return fmt.Errorf("%d reloads, %d before the move", now, reloads)
		}
		return nil
	})
	p.send("after") // goes at once, for nobody calls the queue
	until(t, patience, "mail by the new route", func() error {
		if got := p.hosts[1].Dovecot.Subjects(mail("anna"), harness.Password); !slices.Contains(got, "after") {
			return fmt.Errorf("reads %q", got)
		}
		return nil
	})
	want := slices.Sorted(slices.Values(append(sent, "after")))
	until(t, patience, "all mail", func() error {
		p.flushQueues() // what was put off, here or there, would wait for minutes
		if got := slices.Sorted(slices.Values(p.hosts[1].Dovecot.Subjects(mail("anna"), harness.Password))); !slices.Equal(got, want) {
			return fmt.Errorf("reads %q, want %q", got, want)
		}
		return nil
	})
	for _, host := range p.hosts {
		log, err := os.ReadFile(host.Postfix.Log())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, mail("anna")) && (strings.Contains(line, "status=bounced") || strings.Contains(line, "dsn=5.") || strings.Contains(line, ": reject: ")) {
				t.Errorf("refused for good: %s", line)
			}
		}
	}
	t.Logf("%d messages", len(sent)+1)
}

// routeTo has the first host's Postfix reach others by an address of loopback: no name server knows the names of the hosts.
func (p *pair) routeTo(smtp string) {
	p.t.Helper()
	h := p.hosts[0]
	text, err := os.ReadFile("../../templates/stock/postfix/ldap.transport.tmpl")
	if err != nil {
		p.t.Fatal(err)
	}
	host, port, _ := strings.Cut(smtp, ":")
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "result_format = ") {
			line = fmt.Sprintf("result_format = smtp:[%s]:%s\n", host, port)
		}
		lines = append(lines, line)
	}
	file := filepath.Join(h.Root(), "etc/mailreg/templates/postfix/ldap.transport.tmpl")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644); err != nil {
		p.t.Fatal(err)
	}
	h.Must("commit")
}

func (p *pair) send(subject string) {
	p.t.Helper()
	if err := p.hosts[0].Postfix.Send("sender@client.test", mail("anna"), subject); err != nil {
		p.t.Fatalf("sending %s: %v", subject, err)
	}
}

// flushQueues has both Postfix try again what was put off.
func (p *pair) flushQueues() {
	p.t.Helper()
	for _, h := range p.hosts {
		if out, err := h.Tool("postqueue", "-c", filepath.Join(h.Root(), "etc/postfix"), "-f").CombinedOutput(); err != nil {
			p.t.Fatalf("postqueue: %v\n%s", err, out)
		}
	}
}
