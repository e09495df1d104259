package folder_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// the letters of the rights of UCS, as Dovecot gives them.
const (
	read  = "lrws"
	write = "lrwspite"
	all   = "lrwspitekxa"
)

// TestRights gives each right to a folder of each kind and tries what it allows.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Slapd.AddPerson(harness.Person{UID: "d", Mail: mail("d")})
	acl := []string{mail("a") + " all", mail("b") + " read", mail("c") + " none"}
	w.add("Team", mail("team"), acl...)
	w.add("Büro: Ost & $o", "", acl...)
	w.Wait()
	for _, name := range []string{"shared/" + mail("team"), "Büro: Ost & $o@" + domain + "/INBOX"} {
		w.wantRights("a", name, all)
		w.wantRights("b", name, read)
		w.wantRights("c", name, "")
		w.wantRights("d", name, "")
		w.ok("create below", w.create("a", name+"/Sub"))
		w.wantRights("b", name+"/Sub", read)
		w.refused("create", w.create("b", name+"/No"))
		w.ok("append", w.put("a", name, "one"))
		w.ok("append", w.put("a", name+"/Sub", "two"))
		w.refused("append", w.put("b", name, "three"))
		w.refused("append", w.put("d", name, "three"))
		w.reads("b", name, "one")
		w.reads("b", name+"/Sub", "two")
	}
	w.ok("mail to the address", w.Dovecot.Deliver(mail("team"), "by mail"))
	w.reads("b", "shared/"+mail("team"), "by mail", "one")
	public := "Büro: Ost & $o@" + domain
	both := []string{"shared/" + mail("team"), "shared/" + mail("team") + "/Sub", public + "/INBOX", public + "/INBOX/Sub"}
	w.wantList("a", both...)
	w.wantList("b", both...)
	w.wantList("c")
	w.wantList("d")

	// Rights change, and reach what is there already.
	w.Slapd.Set(dn("Team@"+domain), "univentionMailACL", mail("b")+" write", "authenticated read")
	w.Wait()
	w.wantRights("a", "shared/"+mail("team"), read)
	w.wantRights("b", "shared/"+mail("team")+"/Sub", write)
	w.wantRights("d", "shared/"+mail("team")+"/Sub", read)
	w.wantList("d", "shared/"+mail("team"), "shared/"+mail("team")+"/Sub")
	if out := w.Must("listener", "diff", "folder"); strings.Contains(out, "team") {
		t.Errorf("diff: %s", out)
	}
}

// TestConversion gives a folder an address and takes it away again: mail and subfolders stay, and what comes meanwhile.
func TestConversion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.add("Team", "", mail("a")+" all", mail("b")+" read")
	w.Wait()
	public, shared := "Team@"+domain+"/INBOX", "shared/"+mail("team")
	w.ok("append", w.put("a", public, "one"))
	w.ok("create", w.create("a", public+"/Sub"))
	w.ok("create", w.create("a", public+"/Sub/Deep"))
	w.ok("append", w.put("a", public+"/Sub/Deep", "two"))
	for range 2 {
		w.Slapd.SetMail(dn("Team@"+domain), mail("team"))
		w.Wait()
		w.reads("b", shared, "one")
		w.reads("b", shared+"/Sub/Deep", "two")
		w.wantList("b", shared, shared+"/Sub", shared+"/Sub/Deep")
		w.Slapd.SetMail(dn("Team@"+domain), "")
		w.Wait()
		w.reads("b", public, "one")
		w.reads("b", public+"/Sub/Deep", "two")
		w.wantList("b", public, public+"/Sub", public+"/Sub/Deep")
	}
	w.Slapd.SetMail(dn("Team@"+domain), mail("team"))
	w.Wait()
	w.Slapd.SetMail(dn("Team@"+domain), mail("crew"))
	w.Wait()
	w.ok("mail", w.Dovecot.Deliver(mail("crew"), "three"))
	w.reads("b", "shared/"+mail("crew"), "one", "three")
	w.wantList("b", "shared/"+mail("crew"), "shared/"+mail("crew")+"/Sub", "shared/"+mail("crew")+"/Sub/Deep")
	if _, err := os.Stat(w.Root() + "/var/spool/dovecot/private/by-id/" + uuid); err != nil {
		t.Error(err)
	}
}

// TestAdoption takes in a folder that the peer has kept, with its subfolders.
func TestAdoption(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Wait()
	peers := w.Root() + "/var/spool/dovecot/public/" + domain + "/Old Team"
	for _, name := range []string{".INBOX", ".INBOX.Sub"} {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(peers+"/"+name+"/"+sub, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(peers+"/"+name+"/new/1", []byte("Subject: in "+name+"\r\n\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", "-R", "5000:5000", w.Root()+"/var/spool/dovecot/public").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.add("Old Team", "", mail("a")+" all")
	w.Wait()
	w.reads("a", "Old Team@"+domain+"/INBOX", "in .INBOX")
	w.reads("a", "Old Team@"+domain+"/INBOX/Sub", "in .INBOX.Sub")
	if _, err := os.Stat(peers); !os.IsNotExist(err) {
		t.Errorf("the peer's folder: %v", err)
	}
}

// TestHomes moves a folder to another host and back, and deletes it, with either setting of delete.
func TestHomes(t *testing.T) {
	for _, remove := range []string{"no", "yes"} {
		t.Run("delete="+remove, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "mail/dovecot/mailbox/delete="+remove)
			w.add("Team", mail("team"), mail("a")+" all")
			w.add("Board", "", mail("a")+" all")
			w.Wait()
			names := []string{"shared/" + mail("team"), "Board@" + domain + "/INBOX"}
			for _, name := range names {
				w.ok("append", w.put("a", name, "one"))
			}
			for _, home := range []string{"mail2.example.test", ""} {
				for _, cn := range []string{"Team", "Board"} {
					w.Slapd.SetHome(dn(cn+"@"+domain), home)
				}
				w.Wait()
				w.wantList("a")
				for _, cn := range []string{"Team", "Board"} {
					w.Slapd.SetHome(dn(cn+"@"+domain), harness.HostName)
				}
				w.Wait()
				w.wantList("a", names...)
				for _, name := range names {
					w.reads("a", name, "one")
				}
			}
			w.Slapd.Delete(dn("Team@" + domain))
			w.Slapd.Delete(dn("Board@" + domain))
			w.Wait()
			w.wantList("a")
			want := map[string]int{"no": 0, "yes": 2}[remove]
			if trash, _ := os.ReadDir(w.Root() + "/var/spool/dovecot/.trash"); len(trash) != want {
				t.Errorf("%d stores in the trash, want %d", len(trash), want)
			}
		})
	}
}
