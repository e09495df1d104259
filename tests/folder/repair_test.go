package folder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepair breaks what Dovecot is told of two folders, has it found, and has it repaired.
func TestRepair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shared := w.add("Team", mail("team"), mail("a")+" all")
	const name = `Böard "1" & $o`
	public := w.add(name, "", mail("a")+" all")
	w.Slapd.Set(dn(escape(name)+"@"+domain), "univentionMailUserQuota", "3")
	w.add("Other", "", mail("a")+" all")
	w.Slapd.Set(dn("Other@"+domain), "univentionMailUserQuota", "1")
	w.Wait()
	diff := func() string {
		t.Helper()
		return w.Run("listener", "diff", "folder").Stdout
	}
	if out := diff(); strings.Contains(out, "team") || strings.Contains(out, "ard") {
		t.Fatalf("nothing is broken: %s", out)
	}
	home := func(uuid string) string { return filepath.Join(w.Root(), "var/spool/dovecot/private/by-id", uuid) }
	for what, step := range map[string]struct {
		damage func() error
		found  string
	}{
		"rights of the inbox": {func() error { return os.Remove(home(shared) + "/Maildir/dovecot-acl") }, "rights to the inbox"},
		"rights of all": {func() error {
			return os.WriteFile(w.Root()+"/var/lib/mailreg/dovecot/acl", []byte("\"x\" anyone l\n"), 0o644)
		}, "rights"},
		"store": {func() error { return os.RemoveAll(home(public)) }, "store"},
	} {
		if err := step.damage(); err != nil {
			t.Fatal(err)
		}
		if out := diff(); !strings.Contains(out, step.found) {
			t.Errorf("%s is not found: %s", what, out)
		}
		w.Run("listener", "diff", "folder", "--repair")
		w.Wait()
		if out := diff(); strings.Contains(out, step.found) {
			t.Errorf("%s is not repaired: %s", what, out)
		}
	}
	w.wantRights("a", "shared/"+mail("team"), all)
	w.wantRights("a", name+"@"+domain+"/INBOX", all)

	// The quota is that of the folder, not of who writes there.
	big := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	w.refused("a message larger than the quota", w.putText("a", name+"@"+domain+"/INBOX", strings.Repeat(big, 60000)))
	w.refused("a message larger than the quota", w.putText("a", "Other@"+domain+"/INBOX", strings.Repeat(big, 20000)))
	w.ok("a message smaller than the quota", w.putText("a", name+"@"+domain+"/INBOX", strings.Repeat(big, 20000)))
	w.ok("a message", w.put("a", name+"@"+domain+"/INBOX", "small"))
	w.ok("a message larger than the quota of another folder", w.putText("a", "INBOX", strings.Repeat(big, 60000)))
}

// TestLayoutAddress converts a folder on a host whose stores are named by addresses.
func TestLayoutAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mail/dovecot/location/key=address")
	w.add("Team", "", mail("a")+" all", mail("b")+" read")
	w.Wait()
	public := "Team@" + domain + "/INBOX"
	w.ok("append", w.put("a", public, "one"))
	w.ok("create", w.create("a", public+"/Sub"))
	for _, address := range []string{"team", "crew"} {
		w.Slapd.SetMail(dn("Team@"+domain), mail(address))
		w.Wait()
		w.ok("mail", w.Dovecot.Deliver(mail(address), address))
		w.wantList("b", "shared/"+mail(address), "shared/"+mail(address)+"/Sub")
	}
	w.reads("b", "shared/"+mail("crew"), "crew", "one", "team")
	if known, err := w.Dovecot.Knows(mail("team")); err != nil || known {
		t.Errorf("the former address: %t, %v", known, err)
	}
	w.Slapd.SetMail(dn("Team@"+domain), "")
	w.Wait()
	w.reads("b", public, "crew", "one", "team")
	w.wantList("b", public, public+"/Sub")
}
