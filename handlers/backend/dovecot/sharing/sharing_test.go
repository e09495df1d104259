package sharing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// tree returns a directory with files; names that end in a slash are directories.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files lists what is in a directory, without empty directories.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func open(t *testing.T, dir string, fault func(op, path string) error) *confine.Dir {
	t.Helper()
	d, err := confine.Open(dir, fault)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

var errCrash = errors.New("crash")

// TestShape converts both ways, ended at each change of the disk and done again, once also in the other direction, and with mail
// that was delivered to a new Maildir in between.
func TestShape(t *testing.T) {
	asShared := []string{"Maildir/cur/1:2,S", "Maildir/new/2", "Maildir/dovecot-uidlist", "Maildir/.Sub/cur/3:2,", "Maildir/.Sub.Deep/cur/4:2,"}
	asPublic := []string{
		"Maildir/.INBOX/cur/1:2,S", "Maildir/.INBOX/new/2", "Maildir/.INBOX/dovecot-uidlist", "Maildir/.INBOX.Sub/cur/3:2,",
		"Maildir/.INBOX.Sub.Deep/cur/4:2,",
	}
	slices.Sort(asShared)
	slices.Sort(asPublic)
	empty := func(inbox string) []string { return []string{inbox + "cur/", inbox + "new/", inbox + "tmp/"} }
	for _, tt := range []struct {
		name       string
		public     bool
		from, want []string
	}{
		{"public", true, slices.Concat(asShared, empty("Maildir/"), []string{"Maildir/dovecot-acl-list"}), asPublic},
		{"shared", false, slices.Concat(asPublic, empty("Maildir/.INBOX/"), []string{"Maildir/dovecot.list.index", "Maildir/subscriptions"}), asShared},
		{"public already", true, slices.Concat(asPublic, empty("Maildir/.INBOX/")), asPublic},
		{"shared already", false, slices.Concat(asShared, empty("Maildir/")), asShared},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for limit := 0; ; limit++ {
				dir := tree(t, tt.from...)
				left := limit
				fault := func(string, string) error {
					if left--; left < 0 {
						return errCrash
					}
					return nil
				}
				err := shape(open(t, dir, fault), confine.Caller(), tt.public)
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatalf("limit %d: %v", limit, err)
				}
				home := open(t, dir, nil)
				want := tt.want
				if _, statErr := os.Stat(filepath.Join(dir, "Maildir")); err != nil && statErr != nil {
					// A delivery makes a Maildir where there is none.
					for _, name := range []string{"cur", "tmp", "new"} {
						if err := os.MkdirAll(filepath.Join(dir, "Maildir", name), 0o700); err != nil {
							t.Fatal(err)
						}
					}
					if err := os.WriteFile(filepath.Join(dir, "Maildir/new/late"), nil, 0o600); err != nil {
						t.Fatal(err)
					}
					inbox := map[bool]string{true: "Maildir/.INBOX/new/late", false: "Maildir/new/late"}[tt.public]
					want = slices.Sorted(slices.Values(append(slices.Clone(want), inbox)))
				} else if err != nil {
					if err := shape(home, confine.Caller(), !tt.public); err != nil {
						t.Fatalf("limit %d, other direction: %v", limit, err)
					}
				}
				if err := shape(home, confine.Caller(), tt.public); err != nil {
					t.Fatalf("limit %d, again: %v", limit, err)
				}
				if diff := cmp.Diff(want, files(t, dir)); diff != "" {
					t.Fatalf("limit %d (-want +got):\n%s", limit, diff)
				}
				if err == nil {
					break
				}
			}
		})
	}
}

func TestFiles(t *testing.T) {
	all := []backend.Shared{
		{
			Folder: backend.Folder{Name: "Team@x.test", Primary: schema.Address{Local: "team", Domain: "x.test"}},
			Grants: []backend.Grant{
				{Subject: backend.User, Name: "a@x.test", Right: schema.RightAll},
				{Subject: backend.Group, Name: `Büro: "x"/y`, Right: schema.RightRead},
				{Subject: backend.Authenticated, Right: schema.RightPost},
			},
		},
		{Folder: backend.Folder{Name: `B "1": ü@x.test`}, Grants: []backend.Grant{{Subject: backend.Anyone, Right: schema.RightAppend}}},
	}
	want := `"B \"1\": ü@x.test" "anyone" lrwspi
"B \"1\": ü@x.test/*" "anyone" lrwspi
"shared/team@x.test" "authenticated" lrwsp
"shared/team@x.test" "group=Büro=3A=20=22x=22=2Fy" lrws
"shared/team@x.test" "user=a@x.test" lrwspitekxa
"shared/team@x.test/*" "authenticated" lrwsp
"shared/team@x.test/*" "group=Büro=3A=20=22x=22=2Fy" lrws
"shared/team@x.test/*" "user=a@x.test" lrwspitekxa
`
	if diff := cmp.Diff(want, string(rightsFile(all))); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{"team@x.test": true}, owners([]byte(want))); diff != "" {
		t.Error(diff)
	}
	groups := groupsFile(map[string][]string{"b@x.test": {"Sales", "a b", "Sales"}, "a@x.test": {"Sales"}})
	if diff := cmp.Diff("a@x.test:::::::userdb_acl_groups=Sales\nb@x.test:::::::userdb_acl_groups=Sales,a=20b\n", string(groups)); diff != "" {
		t.Error(diff)
	}
	if got := left(groups, groupsFile(map[string][]string{"b@x.test": {"Sales"}, "a@x.test": {"Sales", "new"}})); !slices.Equal(got, []string{"b@x.test"}) {
		t.Errorf("%q have left a group", got)
	}
}

// TestBoxes edits Dovecot's list, keeps what it does not know, and waits for a lock of Dovecot's.
func TestBoxes(t *testing.T) {
	dir := tree(t)
	d := open(t, dir, nil)
	name := filepath.Join(dir, boxesName)
	const before = "shared/shared-boxes/user/b@x/a@x\n1\nshared/shared-boxes/anyone/c@x\n1\npriv/other\nvalue\n"
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(dir, boxesLock)
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = os.Remove(lock) })
	for range 2 {
		err := editBoxes(t.Context(), d, confine.Caller(), func(have map[box]bool) {
			delete(have, box{"anyone", "c@x"})
			have[box{"group/a=20b", "a@x"}] = true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	want := "priv/other\nvalue\nshared/shared-boxes/group/a=20b/a@x\n1\nshared/shared-boxes/user/b@x/a@x\n1\n"
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tired, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := editBoxes(tired, d, confine.Caller(), func(map[box]bool) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that somebody has: %v", err)
	}
	old := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chtimes(lock, old, old), editBoxes(t.Context(), d, confine.Caller(), func(map[box]bool) {})); err != nil {
		t.Errorf("a lock that was left: %v", err)
	}
}

// TestLockOfTheDead takes a lock at once whose process was killed, also one that had this process's number.
func TestLockOfTheDead(t *testing.T) {
	dir := tree(t)
	d := open(t, dir, nil)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(claim(), ":")
	for _, c := range []struct {
		says string
		free bool
	}{
		{claim(), true},
		{fmt.Sprintf("%d:%s\n", dead.Process.Pid, host), true},
		{fmt.Sprintf("%d:%s.elsewhere", dead.Process.Pid, host), false},
		{fmt.Sprintf("%d:%s", os.Getppid(), host), false},
		{"-1:" + host, false},
		{"", false},
	} {
		if err := os.WriteFile(filepath.Join(dir, boxesLock), []byte(c.says), 0o600); err != nil {
			t.Fatal(err)
		}
		patience := time.Minute
		if !c.free {
			patience = 20 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := editBoxes(ctx, d, confine.Caller(), func(map[box]bool) {}); (err == nil) != c.free {
			t.Errorf("the lock of %q: %v", c.says, err)
		}
		cancel()
	}
}

func TestFollowLines(t *testing.T) {
	names := follow([]backend.Renaming{
		{Subject: backend.User, From: "a@x", To: "z@x"},
		{Subject: backend.User, From: "gone@x"},
		{Subject: backend.Group, From: "Old one", To: "New"},
		// One has given up what another has taken.
		{Subject: backend.User, From: "p@x", To: "q@x"},
		{Subject: backend.User, From: "q@x", To: "p@x"},
		{Subject: backend.User, From: "r@x", To: "a@x"},
	})
	const before = "user=gone@x lr\nuser=b@x lr\n-user=r@x x\n\"group=Old=20one\" lrw\nanyone l\nuser=p@x lr\nuser=q@x a\nuser=a@x lr\n\"broken\n"
	const want = "user=b@x lr\n-\"user=a@x\" x\n\"group=New\" lrw\nanyone l\n\"broken\n"
	if diff := cmp.Diff(want, string(followLines([]byte(before), names))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for b, want := range map[box]box{
		{"user/r@x", "b@x"}: {"user/a@x", "b@x"}, {"group/Old=20one", "r@x"}: {"group/New", "a@x"}, {"user/gone@x", "b@x"}: {}, {"anyone", "gone@x"}: {},
		{"anyone", "b@x"}: {"anyone", "b@x"},
	} {
		if got, stays := rename(names, b); stays && got != want || stays != (want != box{}) {
			t.Errorf("%v becomes %v, %t, want %v", b, got, stays, want)
		}
	}
}
