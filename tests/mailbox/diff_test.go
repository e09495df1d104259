package mailbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestDiff spoils a spool in all ways that a comparison can find, has it repaired, and looks with a login whether it is.
func TestDiff(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/mailbox/delete=yes"}})
	uuids := map[string]string{}
	for _, uid := range []string{"anna", "ben", "carla"} {
		uuids[uid] = host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
	}
	host.Wait()
	for uid := range uuids {
		deliver(t, host, uid+"@example.test", "mail of "+uid)
	}
	if r := host.Run("listener", "diff", "mailbox"); r.Code != 0 {
		t.Fatalf("diff of a good spool: %s", r)
	}
	private := filepath.Join(host.Root(), "var/spool/dovecot/private")
	stray := filepath.Join(private, "by-id/dddddddd-0000-4000-8000-000000000000")
	annas := filepath.Join(private, "by-id", uuids["anna"])
	must(t, os.CopyFS(stray, os.DirFS(annas)))
	mark, err := os.ReadFile(filepath.Join(annas, ".mailreg-owner"))
	must(t, err)
	mark = []byte(strings.NewReplacer(uuids["anna"], filepath.Base(stray), "anna@", "dora@").Replace(string(mark)))
	must(t, os.WriteFile(filepath.Join(stray, ".mailreg-owner"), mark, 0o600))
	must(t, os.Chown(annas, 1, 1))
	must(t, os.Chown(filepath.Join(annas, "Maildir/cur"), 1, 1))
	must(t, os.RemoveAll(filepath.Join(private, "by-id", uuids["ben"])))

	r := host.Run("listener", "diff", "mailbox", "--repair")
	for _, want := range []string{
		`files: want "5000:5000", have "1:1"`, `store: want "ben@example.test", have ""`, filepath.Base(stray), "3 entries under repair",
	} {
		if r.Code != 1 || !strings.Contains(r.Stdout+r.Stderr, want) {
			t.Errorf("diff: %s\nwant %s", r, want)
		}
	}
	host.Wait()
	if r := host.Run("listener", "diff", "mailbox"); r.Code != 0 {
		t.Errorf("diff after the repair: %s", r)
	}
	if list := trashList(host); len(list) != 1 || list[0].UUID != filepath.Base(stray) {
		t.Errorf("trash: %+v, want the store of nobody", list)
	}
	reads(t, host, "anna@example.test", "mail of anna")
	reads(t, host, "ben@example.test")
	reads(t, host, "carla@example.test", "mail of carla")

	// Now all three have logged in, and nothing but that has been asked of the server.
	var list []struct {
		Address string
		Usage   backend.Usage
	}
	host.JSON(&list, "mailbox", "list", "--usage")
	for _, s := range list {
		if s.Usage.LastLogin.IsZero() || s.Usage.LastMail.IsZero() || (s.Usage.Messages == 0) != (s.Address == "ben@example.test") {
			t.Errorf("%s: %+v", s.Address, s.Usage)
		}
	}
	if len(list) != 3 {
		t.Errorf("%d stores", len(list))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
