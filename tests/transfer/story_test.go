package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestDrain plays a host that is emptied.
func TestDrain(t *testing.T) {
	for range *drains {
		p := newPair(t, [2]string{})
		drained(p)
		p.settled()
	}
}

// TestStories plays what people do with home servers: there and back, with another address at once, from everywhere to one
// host, a change of mind, and a host that is away.
func TestStories(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(*pair){
		"back": back, "address": otherAddress, "everywhere": everywhere, "mind": changeOfMind, "away": awayHost, "at-once": backAtOnce,
		"cut-off": cutOff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, [2]string{})
			play(p)
			p.settled()
		})
	}
}

// back moves a user there and back; nobody has a message twice, and the former stores stay aside.
func back(p *pair) {
	p.add("anna", mail1, "one", "two")
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.reads(1, mail("anna"), "one", "two")
	p.settled()
	p.deliver(1, mail("anna"), "three")
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail1)
	p.reads(0, mail("anna"), "one", "two", "three")
	p.settled()
	var kept []struct{ Address, Cause string }
	p.hosts[0].JSON(&kept, "mailbox", "trash", "list")
	if len(kept) != 1 || kept[0].Cause != "moved" {
		p.t.Errorf("kept on the first host: %+v", kept)
	}
	// Nobody who is at home elsewhere is refused for good here: the mail has come by an old route.
	if known, err := p.hosts[1].Dovecot.Knows(mail("anna")); err == nil || strings.Contains(err.Error(), "550") {
		p.t.Errorf("the former host says %v, %v", known, err)
	}
}

// backAtOnce moves a user back while the former host has not yet put its store aside.
func backAtOnce(p *pair) {
	p.add("anna", mail1, "one")
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.reads(1, mail("anna"), "one")
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail1)
	p.reads(0, mail("anna"), "one")
	p.deliver(0, mail("anna"), "two")
	p.reads(0, mail("anna"), "one", "two")
}

// otherAddress changes the address with the home server.
func otherAddress(p *pair) {
	p.add("anna", mail1, "one")
	p.hosts[0].Slapd.Move(harness.DN("anna"), mail("maria"), mail2)
	p.reads(1, mail("maria"), "one")
}

// everywhere names a home server for a user who has had a store on each host: all mail is in that host's.
func everywhere(p *pair) {
	p.add("anna", "", "one")
	p.deliver(1, mail("anna"), "two")
	before, err := p.hosts[1].Dovecot.Messages(mail("anna"), harness.Password, "INBOX")
	if err != nil {
		p.t.Fatal(err)
	}
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.reads(1, mail("anna"), "one", "two")
	after, err := p.hosts[1].Dovecot.Messages(mail("anna"), harness.Password, "INBOX")
	if err != nil || !slices.ContainsFunc(after, func(m harness.Message) bool { return m.UID == before[0].UID && m.Subject == "two" }) {
		p.t.Errorf("the mail that was there is renumbered: %+v, then %+v, %v", before, after, err)
	}
}

// changeOfMind takes a move back before it is over: the user has never been away.
func changeOfMind(p *pair) {
	p.add("anna", mail1, "one")
	p.hosts[1].Listener.Stop() // so that it does not get far
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.state(0, mail("anna"), "copying")
	p.told(0, "leaving", "to "+mail2+": copying since ")
	p.reads(0, mail("anna"), "one")
	p.deliver(0, mail("anna"), "two")
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail1)
	p.hosts[0].Wait()
	p.reads(0, mail("anna"), "one", "two")
	p.hosts[1].Listener.Start()
	p.settled()
	p.reads(0, mail("anna"), "one", "two")
}

// told demands that whoever looks at anna's mailbox sees that she is on the way, and how far.
func (p *pair) told(host int, state, far string) {
	p.t.Helper()
	h := p.hosts[host]
	for _, args := range [][]string{{"mailbox", "list"}, {"mailbox", "show", mail("anna")}, {"explain", mail("anna")}} {
		text := h.Must(args...)
		if !strings.Contains(text, far) || args[0] == "mailbox" && !strings.Contains(text, state) {
			p.t.Errorf("%s does not tell that she is %s, %s:\n%s", strings.Join(args, " "), state, far, text)
		}
	}
}

// awayHost names a host as home whose former one is not there: a person lets the user in.
func awayHost(p *pair) {
	p.add("anna", mail1, "one")
	p.hosts[0].Listener.Stop()
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.hosts[1].Wait()
	p.state(1, mail("anna"), "awaiting")
	p.told(1, "coming", "from "+mail1+": awaiting since ")
	if err := p.hosts[1].Dovecot.Deliver(mail("anna"), "early"); err == nil || strings.Contains(err.Error(), "550") {
		p.t.Errorf("mail for who is awaited: %v", err)
	}
	p.hosts[1].Must("mailbox", "move", "--without-mail", mail("anna"))
	p.reads(1, mail("anna"))
	p.deliver(1, mail("anna"), "two")
	// The former host is back: its mail is merged into what is here.
	p.hosts[0].Listener.Start()
	p.reads(1, mail("anna"), "one", "two")
}

// drained empties a host: the copies are made ahead, and each change of the directory takes effect at once. One user is held.
func drained(p *pair) {
	for i := range 5 {
		p.add(fmt.Sprintf("user%d", i), mail1, "one")
	}
	p.hosts[0].Must("mailbox", "move", "--to", mail2, mail("user0"))
	p.hosts[0].Must("mailbox", "move", "--hold", mail("user0"))
	p.hosts[0].Slapd.SetHome(harness.DN("user0"), mail2)
	p.wait()
	until(p.t, patience, "the held one", func() error {
		moves := movesOf(p.hosts[0])
		if len(moves) != 1 || !moves[0].Held || !moves[0].Copied || moves[0].Ahead {
			return fmt.Errorf("%+v", moves)
		}
		return nil
	})
	p.reads(0, mail("user0"), "one")
	p.hosts[0].Must("mailbox", "move", mail("user0"))
	p.reads(1, mail("user0"), "one")

	drain := p.hosts[0].Command("mailbox", "drain", mail2, "--at-once", "2")
	reader, err := drain.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	var said strings.Builder
	drain.Stderr = &said
	if err := drain.Start(); err != nil {
		p.t.Fatal(err)
	}
	buffer, text := make([]byte, 4096), ""
	for {
		n, err := reader.Read(buffer)
		text += string(buffer[:n])
		for strings.Contains(text, "\n\n") {
			record, rest, _ := strings.Cut(text, "\n\n")
			p.hosts[0].Slapd.LDIF(record + "\n")
			text = rest
		}
		if err != nil {
			break
		}
	}
	if strings.TrimSpace(text) != "" {
		p.t.Errorf("the last record is not whole: %q", text)
	}
	if err := drain.Wait(); err != nil || said.Len() > 0 {
		p.t.Errorf("drain: %v, %s", err, said.String())
	}
	for i := range 5 {
		p.reads(1, mail(fmt.Sprintf("user%d", i)), "one")
	}
	p.settled()
	if homes, _ := filepath.Glob(filepath.Join(p.hosts[0].Spool.Dir, "private/by-id/*")); len(homes) > 0 {
		p.t.Errorf("left on the first host: %q", homes)
	}
}

// cutOff has a copy be there that was cut off: a message has no number, so that doveadm takes it for another one than the
// first, and finds no way to make it equal to the source.
func cutOff(p *pair) {
	uuid := p.add("anna", mail1, "one", "two")
	p.hosts[1].Listener.Stop()
	cur := filepath.Join(p.hosts[1].Spool.Dir, "private/.incoming", uuid, "Maildir/cur")
	if err := os.MkdirAll(cur, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cur, "1700000000.M1P1.host,S=18:2,"), []byte("Subject: two\n\nhi\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	for dir := cur; filepath.Base(dir) != "private"; dir = filepath.Dir(dir) {
		if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, 5000, 5000))
		}); err != nil {
			p.t.Fatal(err)
		}
	}
	p.hosts[1].Listener.Start()
	p.hosts[0].Slapd.SetHome(harness.DN("anna"), mail2)
	p.reads(1, mail("anna"), "one", "two")
	log, err := os.ReadFile(p.hosts[0].Listener.Log())
	if err != nil || !strings.Contains(string(log), "the copy is begun anew") {
		p.t.Errorf("the copy was of use, %v", err)
	}
}
