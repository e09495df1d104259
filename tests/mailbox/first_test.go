package mailbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// firstUsers is how many stores a spool holds at the first run.
const firstUsers = 300

// TestFirstRun takes over a spool of the peer's, which a Dovecot serves: staging says what will be adopted and touches
// nothing; the run adopts all of it, sets nothing aside, and leaves what belongs to nobody.
func TestFirstRun(t *testing.T) {
	h := harness.NewHost(t, harness.HostConfig{NoListener: true, NoPostfix: true, Set: []string{
		"mail/dovecot/location/key=address", "mail/dovecot/mailbox/delete=yes", "mailreg/mode=staging",
	}})
	domains := []string{"example.test", "example.org", "mail.example.net"}
	owner := map[string]string{} // UUID by address
	for _, domain := range domains {
		h.Slapd.AddDomain(domain)
	}
	for i := range firstUsers {
		uid := fmt.Sprintf("user%03d", i)
		address := uid + ".x_tag@" + domains[i%3]
		p := harness.Person{UID: uid, Mail: strings.ToUpper(address[:1]) + address[1:]} // old releases of UCS keep the case
		if i%2 == 0 {
			p.Home = harness.HostName
		}
		owner[address] = h.Slapd.AddPerson(p)
		legacy(t, h, harness.HomeByAddress(address), uid, i%10 == 0)
	}
	first := "user000.x_tag@example.test"
	for i := range 20 { // what a Dovecot has written itself
		if err := h.Dovecot.Deliver(fmt.Sprintf("user%03d.x_tag@%s", i, domains[i%3]), "by Dovecot"); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := h.Slapd.AddPerson(harness.Person{UID: "moved", Mail: "moved@example.test", Home: "mail2.example.test"})
	left := []string{"private/example.test/moved", "private/example.test/gone", "private/Example.test/Mixed", "private/example.test/User001"}
	for _, home := range left {
		legacy(t, h, home, filepath.Base(home), false)
	}
	before, uids := h.Spool.Messages(), messages(t, h, first)

	t.Log("staging tells, and touches nothing")
	h.Listener = harness.NewListener(t, h.Sandbox)
	h.Wait()
	var planned []struct {
		Handler string   `json:"handler"`
		Steps   []string `json:"steps"`
	}
	h.JSON(&planned, "mailbox", "plan")
	adopted, others := 0, 0
	for _, p := range planned {
		if strings.Contains(strings.Join(p.Steps, "; "), ": adopts the store that is there") {
			adopted++
		} else if p.Handler == "mailbox" && len(p.Steps) > 0 {
			others++
		}
	}
	if adopted != firstUsers || others > 0 {
		t.Errorf("planned: %d adopted of %d, and %d more\n%v", adopted, firstUsers, others, planned[:min(len(planned), 3)])
	}
	if marks, _ := filepath.Glob(filepath.Join(h.Spool.Dir, "private/*/*/.mailreg-owner")); len(marks) > 0 {
		t.Errorf("staging has marked %d stores", len(marks))
	}
	h.Listener.Stop()

	t.Log("the run adopts all")
	h.Must("set", "mailreg/mode=run")
	h.Listener.Start()
	h.Wait()
	var stores []struct{ UUID, Address, State string }
	h.JSON(&stores, "mailbox", "list")
	states := map[string]int{}
	for _, s := range stores {
		states[s.State]++
		if s.State == "live" && owner[s.Address] != s.UUID {
			t.Errorf("%s belongs to %s, want %s", s.Address, s.UUID, owner[s.Address])
		}
	}
	if diff := cmp.Diff(map[string]int{"live": firstUsers, "unmarked": len(left)}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if trash := h.Must("mailbox", "trash", "list", "--json"); strings.TrimSpace(trash) != "[]" {
		t.Errorf("set aside: %s", trash)
	}
	for _, args := range [][]string{{"listener", "held"}, {"listener", "parked"}} {
		if out := h.Must(args...); out != "" {
			t.Errorf("%v: %s", args, out)
		}
	}
	if diff := cmp.Diff(before, h.Spool.Messages()); diff != "" {
		t.Errorf("messages (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(uids, messages(t, h, first)); diff != "" {
		t.Errorf("as the user sees them (-before +after):\n%s", diff)
	}
	intact(t, h, harness.HomeByAddress(first))
	if _, err := os.Stat(filepath.Join(h.Spool.Dir, "private/example.test/moved/.mailreg-owner")); !os.IsNotExist(err) {
		t.Errorf("the store of %s, who has another home server: %v", elsewhere, err)
	}
}

// legacy makes a store as the peer's Dovecot does. Keywords and flags are in the names of files, subscriptions and the list
// of UIDs beside them; the filter is a link to a script.
func legacy(t *testing.T, h *harness.Host, home, subject string, rich bool) {
	t.Helper()
	dir := filepath.Join(h.Spool.Dir, home)
	folders := []string{"Maildir"}
	if rich {
		folders = append(folders, "Maildir/.Spam", "Maildir/.Ham", "Maildir/.Projekte.&AMQ-rger")
	}
	errs := []error{os.MkdirAll(filepath.Dir(dir), 0o755)}
	for _, folder := range folders {
		for _, sub := range []string{"cur", "new", "tmp"} {
			errs = append(errs, os.MkdirAll(filepath.Join(dir, folder, sub), 0o700))
		}
	}
	write := func(name, text string) {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	letter := func(folder, n string) string {
		return "From: a@client.test\r\nSubject: " + subject + " " + folder + " " + n + "\r\n\r\nx\r\n"
	}
	for _, folder := range folders {
		write(folder+"/cur/1700000000.M1P1.mail1:2,FS", letter(folder, "1"))
		write(folder+"/new/1700000001.M2P1.mail1", letter(folder, "2"))
	}
	if rich {
		write("Maildir/subscriptions", "V\t2\n\nSpam\nHam\n")
		write("Maildir/dovecot-uidlist", "3 V1700000000 N9 G0123456789abcdef0123456789abcdef\n7 :1700000000.M1P1.mail1\n")
		errs = append(errs, os.Mkdir(filepath.Join(dir, "sieve"), 0o700), os.Symlink("sieve/default.sieve", filepath.Join(dir, ".dovecot.sieve")))
		write("sieve/default.sieve", "keep;\n")
	}
	errs = append(errs, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 5000, 5000))
	}), os.Chown(filepath.Dir(dir), 5000, 5000))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// messages returns all folders of a user with what is in them.
func messages(t *testing.T, h *harness.Host, user string) map[string][]harness.Message {
	t.Helper()
	all := map[string][]harness.Message{}
	for _, folder := range []string{"INBOX", "Spam", "Ham", "Projekte/Ärger"} {
		got, err := h.Dovecot.Messages(user, harness.Password, folder)
		if err != nil {
			t.Fatal(err)
		}
		all[folder] = got
	}
	if len(all["INBOX"]) != 3 || all["INBOX"][0].UID != 7 || len(all["Projekte/Ärger"]) != 2 {
		t.Errorf("the store is not what it was made as: %v", all)
	}
	return all
}

// intact demands what a store has beside its messages.
func intact(t *testing.T, h *harness.Host, home string) {
	t.Helper()
	link, err := os.Readlink(filepath.Join(h.Spool.Dir, home, ".dovecot.sieve"))
	if err != nil || link != "sieve/default.sieve" {
		t.Errorf("the filter leads to %q, %v", link, err)
	}
	for name, want := range map[string]string{"sieve/default.sieve": "keep;\n", "Maildir/subscriptions": "Ham"} {
		text, err := os.ReadFile(filepath.Join(h.Spool.Dir, home, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has %q, %v", name, text, err)
		}
	}
}
