package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/registry/layerfile"
)

// TestLostLayerFile: whoever has lost a layer file is told what an empty one is; the two lines are one.
func TestLostLayerFile(t *testing.T) {
	root := t.TempDir()
	write(t, root, NoteFile, "base.conf\n")
	_, err := NewReader(root).View()
	if err == nil || !strings.Contains(err.Error(), "/base.conf is gone") {
		t.Fatal(err)
	}
	quoted := strings.Split(err.Error(), `"`)
	if len(quoted) != 5 {
		t.Fatalf("no two lines in %q", err)
	}
	if _, err := layerfile.Decode("base.conf", []byte(quoted[1]+"\n"+quoted[3]+"\n")); err != nil {
		t.Error(err)
	}
}

// TestHiddenSecrets: for users who may not see secrets they are unset, and known to be hidden.
func TestHiddenSecrets(t *testing.T) {
	root := t.TempDir()
	write(t, root, "/etc/mailreg/secrets.conf", string(layerfile.Encode(SecretsFile, map[string]string{"mail/dovecot/auth/master/password": "x"})))
	if v, err := NewReader(root).View(); err != nil || v.Hidden("mail/dovecot/auth/master/password") {
		t.Error("hidden from who may read them", err)
	}
	if err := os.Chmod(filepath.Join(root, Dir, SecretsFile), 0); err != nil {
		t.Fatal(err)
	}
	asAnother(t, filepath.Dir(root))
	v, err := NewReader(root).View()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"mail/dovecot/auth/master/password": true, "hostname": false, "my/own": false} {
		if got := v.Hidden(key); got != want {
			t.Errorf("%s: hidden is %v", key, got)
		}
		if _, set := v.Get(key); set {
			t.Errorf("%s is set", key)
		}
	}
	if with := v.With(Forced, map[string]string{"hostname": "a"}); !with.Hidden("mail/dovecot/auth/master/password") {
		t.Error("another layer shows secrets")
	}
}

// asAnother makes the thread of a test that root runs one of user nobody until the test ends; dir is opened for it.
func asAnother(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const keep, nobody = ^uintptr(0), 65534
	runtime.LockOSThread()
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, nobody, keep); e != 0 {
		t.Fatal(e)
	}
	t.Cleanup(func() {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 0, keep); e == 0 { // else the thread ends with the test
			runtime.UnlockOSThread()
		}
	})
}

// TestLookupOfBrokenFile: a file that View refuses is none to take a value from.
func TestLookupOfBrokenFile(t *testing.T) {
	const text = "# mailreg layer file 1: base.conf\nb: 1\nz: 1\na: 1\nb: 2\n# end of base.conf\n"
	root := t.TempDir()
	write(t, root, "/etc/mailreg/base.conf", text)
	_, wrong := NewReader(root).View()
	if value, _, err := NewReader(root).Lookup("a"); err == nil || wrong == nil || err.Error() != wrong.Error() {
		t.Errorf("Lookup gives %q, %v; View says %v", value, err, wrong)
	}
}
