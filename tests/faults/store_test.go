package faults_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

const storePath = "var/lib/mailreg/listener.db"

// spoil overwrites the middle of the store, as a bad disk might.
func spoil(t *testing.T, host *harness.Host) {
	t.Helper()
	path := filepath.Join(host.Root(), storePath)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	at := int64(4 * os.Getpagesize())
	if _, err := f.WriteAt([]byte(strings.Repeat("bad", int(info.Size()-at)/3)), at); err != nil {
		t.Fatal(err)
	}
}

// notes returns what the status tells a person.
func notes(host *harness.Host) string {
	var status control.Status
	host.JSON(&status, "listener", "status")
	return strings.Join(status.Notes, "\n")
}

// TestDamagedStore: whatever there was in a store that is damaged, nothing is destroyed, and a person is told.
func TestDamagedStore(t *testing.T) {
	for _, backup := range []bool{false, true} {
		name := map[bool]string{false: "without a backup", true: "with a backup"}[backup]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := newHost(t)
			if !backup {
				host.Must("set", "mailreg/backup/keep=0")
			}
			uids := addPeople(host, 6)
			host.Wait()
			mail := mailByUUID(host, "address")
			if backup {
				host.Must("backup", "/first.tar.gz") // makes one of the store on the way
			} else {
				os.RemoveAll(filepath.Join(host.Root(), "var/lib/mailreg/backup"))
			}
			host.Listener.Stop()
			spoil(t, host)
			// What happens meanwhile: one goes, one comes.
			host.Slapd.Delete(harness.DN(uids[0]))
			host.Slapd.AddPerson(harness.Person{UID: "late", Mail: "late@" + harness.MailDomain})
			host.Listener.Start()
			host.Wait()
			if got := notes(host); !strings.Contains(got, "the store was damaged") || !strings.Contains(got, "/var/lib/mailreg/listener.db.aside-") {
				t.Errorf("notes %q", got)
			}
			checkReplica(t, host)
			checkAllMail(t, host, mail)
			if got := len(held(host)); backup != (got == 1) {
				t.Errorf("%d batches are held", got)
			}
			if backup { // what was deleted meanwhile is known, and a person may let it go
				host.Must("listener", "approve", held(host)[0].ID)
				host.Wait()
				checkHomes(t, host, homesOf(host, "address"))
			}
		})
	}
}

// checkAllMail looks for the messages of the beginning in the homes of the same people.
func checkAllMail(t *testing.T, host *harness.Host, uuids []string) {
	t.Helper()
	found := host.Spool.Messages()
	for _, uuid := range uuids {
		if len(found[uuid]) != 1 || strings.HasPrefix(found[uuid][0], ".") {
			t.Errorf("the message of %s is in %q", uuid, found[uuid])
		}
	}
}

// TestBackupAndRestore is the drill: a backup, further changes, the loss of all settings and of the store; after the
// restore the listener catches up, and nobody has lost a mailbox.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	root := host.Root()
	uids := addPeople(host, 6)
	template := filepath.Join(root, "etc/mailreg/templates/own.txt")
	if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(template, []byte("of my own\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	host.Must("set", "own/setting=of\nmy own")
	host.Must("set", "--force", "mail/postfix/mynetworks=127.0.0.0/8")
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Must("backup", "/b.tar.gz")
	if info, err := os.Stat(filepath.Join(root, "b.tar.gz")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("backup %v, %v", info, err)
	}
	if got := host.Run("restore", "/b.tar.gz"); got.Code != 1 || !strings.Contains(got.Stderr, "the listener is running") {
		t.Errorf("restore beside the daemon: %s", got)
	}
	settings := host.Must("dump", "--json")

	host.Slapd.SetMail(harness.DN(uids[0]), "moved@"+harness.MailDomain)
	host.Slapd.Delete(harness.DN(uids[1]))
	host.Slapd.AddPerson(harness.Person{UID: "late", Mail: "late@" + harness.MailDomain})
	host.Wait()
	host.Listener.Stop()
	for _, lost := range []string{"var/lib/mailreg", "etc/mailreg"} {
		if err := os.RemoveAll(filepath.Join(root, lost)); err != nil {
			t.Fatal(err)
		}
	}
	host.Slapd.AddPerson(harness.Person{UID: "later", Mail: "later@" + harness.MailDomain})

	host.Must("restore", "--dry-run", "/b.tar.gz")
	if _, err := os.Stat(filepath.Join(root, "etc/mailreg/base.conf")); err == nil {
		t.Error("a dry run has written settings")
	}
	host.Must("restore", "/b.tar.gz")
	if got := host.Must("dump", "--json"); got != settings {
		t.Errorf("settings after the restore:\n%s\nbefore:\n%s", got, settings)
	}
	if info, err := os.Stat(template); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("template %v, %v", info, err)
	}
	host.Listener.Start()
	host.Wait()
	checkReplica(t, host)
	for _, batch := range held(host) {
		host.Must("listener", "approve", batch.ID)
	}
	host.Wait()
	checkHomes(t, host, homesOf(host, "address"))
	living := host.Slapd.Mailboxes()
	found := host.Spool.Messages()
	for _, uuid := range mail {
		if _, lives := living[uuid]; lives && (len(found[uuid]) != 1 || strings.HasPrefix(found[uuid][0], ".")) {
			t.Errorf("the message of %s is in %q", uuid, found[uuid])
		}
	}
}

// TestRestoreRefusesADamagedFile: it is checked before anything is written.
func TestRestoreRefusesADamagedFile(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	host.Wait()
	host.Listener.Stop()
	host.Must("backup", "/b.tar.gz") // without the daemon
	path := filepath.Join(host.Root(), "b.tar.gz")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	host.Must("set", "own/setting=later")
	for _, damaged := range [][]byte{whole[:len(whole)/2], whole[:len(whole)-30], append([]byte("x"), whole...)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := host.Run("restore", "/b.tar.gz"); got.Code != 1 || !strings.Contains(got.Stderr, "no whole backup") {
			t.Errorf("restore: %s", got)
		}
	}
	if got := host.Must("get", "own/setting"); got != "later\n" {
		t.Errorf("the setting is %q", got)
	}
}
