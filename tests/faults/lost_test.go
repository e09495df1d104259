package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestDamageUnderTheDaemon: pages go bad while the daemon runs, twice, and at last in all backups as well. Each time it
// replaces the store and ends, whoever has met the damage; the next start loses nothing.
func TestDamageUnderTheDaemon(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	uids := addPeople(host, 8)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Must("backup", "/b.tar.gz")
	for n, uid := range uids[:3] {
		if n == 2 {
			spoilBackups(t, host)
		}
		spoil(t, host)
		host.Slapd.Delete(harness.DN(uid))
		// The question alone is enough; the change may come first.
		_ = host.Run("listener", "status")
		if code := host.Listener.Exit(); code != 1 {
			t.Errorf("damage %d: the daemon has ended with %d", n, code)
		}
		host.Listener.Start()
		host.Wait()
		if got := notes(host); !strings.Contains(got, "the store was damaged") || strings.Count(got, "listener.db.aside-") != n+1 {
			t.Errorf("damage %d: notes %q", n, got)
		}
		checkReplica(t, host)
		checkAllMail(t, host, mail)
		if got := held(host); n < 2 && (len(got) != 1 || got[0].Count != n+1) || n == 2 && len(got) > 0 {
			t.Errorf("damage %d: held %+v", n, got)
		}
	}
	// Without a backup nobody knows of those who have gone; their stores stay, and everybody else goes on.
	host.Slapd.Delete(harness.DN(uids[3]))
	host.Wait()
	want := homesOf(host, "address")
	for _, uid := range uids[:3] {
		want = append(want, harness.HomeByAddress(uid+"@"+harness.MailDomain))
	}
	checkHomes(t, host, slices.Sorted(slices.Values(want)))
}

// TestApproveAfterDamage: what went meanwhile is held, and goes when a person approves. What has been somewhere else since the
// backup and is to be back is looked at as well.
func TestApproveAfterDamage(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	uids := addPeople(host, 6)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Must("backup", "/b.tar.gz")
	host.Slapd.SetMail(harness.DN(uids[2]), "away@"+harness.MailDomain)
	host.Wait()
	spoil(t, host)
	host.Slapd.Delete(harness.DN(uids[0]))
	host.Slapd.SetMail(harness.DN(uids[1]), "moved@"+harness.MailDomain)
	_ = host.Run("listener", "status")
	host.Listener.Exit()
	host.Slapd.SetMail(harness.DN(uids[2]), uids[2]+"@"+harness.MailDomain)
	host.Listener.Start()
	host.Wait()
	for _, batch := range held(host) {
		host.Must("listener", "approve", batch.ID)
	}
	host.Wait()
	checkHomes(t, host, homesOf(host, "address"))
	if left := held(host); len(left) > 0 {
		t.Errorf("held %+v", left)
	}
	living := host.Slapd.Mailboxes()
	found := host.Spool.Messages()
	for _, uuid := range mail {
		address, lives := living[uuid]
		if want := harness.HomeByAddress(address); lives && (len(found[uuid]) != 1 || !strings.HasPrefix(found[uuid][0], want)) {
			t.Errorf("the message of %s is in %q", address, found[uuid])
		}
	}
}

// spoilBackups overwrites all daily copies.
func spoilBackups(t *testing.T, host *harness.Host) {
	t.Helper()
	copies, err := filepath.Glob(filepath.Join(host.Root(), "var/lib/mailreg/backup/*"))
	if err != nil || len(copies) == 0 {
		t.Fatalf("copies %q, %v", copies, err)
	}
	for _, path := range copies {
		if err := os.WriteFile(path, []byte("bad"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// smallDisk puts the state of a host, whose daemon does not run, on a file system of its own.
func smallDisk(t *testing.T, root, size string) (dir string) {
	t.Helper()
	dir = filepath.Join(root, "var/lib/mailreg")
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
	}
	run("cp", "-a", dir, kept)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	run("cp", "-a", kept+"/.", dir)
	return dir
}

// aliases are so many addresses that the entry needs pages that the store has not yet.
func aliases(uid string) (list []string) {
	for n := range 500 {
		list = append(list, fmt.Sprintf("%s.%d.%s@%s", uid, n, strings.Repeat("x", 40), harness.MailDomain))
	}
	return list
}

// fillUp takes all room of a disk.
func fillUp(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, zeros{}, make([]byte, 4096)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	return ballast
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestFullDisk: while the disk of the store is full, the daemon goes on, or ends, and says why; on one that is read only it
// does not start. When there is room again, everything is done, and nobody has to do anything.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	uids := addPeople(host, 4)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Listener.Stop()
	dir := smallDisk(t, host.Root(), "2m")
	host.Listener.Start()
	host.Wait()

	ballast := fillUp(t, dir)
	host.Slapd.Delete(harness.DN(uids[0]))
	for _, uid := range []string{"q1", "q2", "q3"} {
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@" + harness.MailDomain, Aliases: aliases(uid)})
	}
	full := func() bool {
		r := host.Run("listener", "status", "--json")
		var status control.Status
		if r.Code == 0 && json.Unmarshal([]byte(r.Stdout), &status) != nil {
			t.Fatalf("status: %s", r)
		}
		return strings.Contains(status.Store.LastError, "no space left on device") && !status.Ready
	}
	harness.Await(t, "the full disk in the status", full)
	host.Listener.Stop()
	// Whether it can start depends on whether there is room left within the file.
	host.Listener.Spawn()
	harness.Await(t, "the full disk, or an end", func() bool { return !host.Listener.Running() || full() })
	if !host.Listener.Running() && host.Listener.Exit() != 1 {
		t.Errorf("a start on a full disk ends with %d", host.Listener.Exit())
	}
	host.Listener.Stop()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}

	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	host.Listener.Spawn()
	if code := host.Listener.Exit(); code != 1 {
		t.Errorf("a start on a disk that is read only ends with %d", code)
	}
	if log, err := os.ReadFile(host.Listener.Log()); err != nil || !strings.Contains(string(log), "read-only file system") {
		t.Errorf("the log does not tell of it (%v)", err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}

	host.Listener.Start()
	host.Wait()
	checkReplica(t, host)
	checkHomes(t, host, homesOf(host, "address"))
	living := host.Slapd.Mailboxes()
	found := host.Spool.Messages()
	for _, uuid := range mail {
		if _, lives := living[uuid]; lives && len(found[uuid]) != 1 {
			t.Errorf("the message of %s is in %q", uuid, found[uuid])
		}
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*.aside-*")); len(aside) > 0 {
		t.Errorf("a good store was set aside: %q", aside)
	}
}
