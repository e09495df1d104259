package settings_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestRefused proves that a call which cannot be carried out whole is refused with a message that says which key and why,
// exit code 1, and that not one byte below the root is another than before.
func TestRefused(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"wrong type", []string{"set", "mail/messagesizelimit=lots"}, []string{"mail/messagesizelimit", "lots"}},
		{"negative", []string{"set", "mail/messagesizelimit=-1"}, []string{"mail/messagesizelimit", "-1"}},
		{"port", []string{"set", "mail/smtpport=99999"}, []string{"mail/smtpport", "99999"}},
		{"bool", []string{"set", "mail/dovecot/mailbox/rename=perhaps"}, []string{"mail/dovecot/mailbox/rename", "perhaps"}},
		{"enum", []string{"set", "mail/dovecot/location/key=dn"}, []string{"mail/dovecot/location/key", "dn", "uuid"}},
		{"host name", []string{"set", "hostname=two words"}, []string{"hostname", "two words"}},
		{"key with dollar", []string{"set", "mail/$x=1"}, []string{"mail/$x"}},
		{"key with hash", []string{"set", "mail/x#y=1"}, []string{"mail/x#y"}},
		{"key with newline", []string{"set", "mail/x\ny=1"}, []string{"mail/x"}},
		{"key with brackets", []string{"set", "mail/x[1]=1"}, []string{"mail/x[1]"}},
		{"good and bad", []string{"set", "mail/messagesizelimit=1000", "mail/smtpport=x"}, []string{"mail/smtpport"}},
		{"invalid UTF-8", []string{"set", "mail/postfix/smtpd/banner=$myhostname \xff"}, []string{"mail/postfix/smtpd/banner"}},
		{"newline in main.cf", []string{"set", "mail/postfix/smtpd/banner=$myhostname\nrelayhost=evil.test"}, []string{"mail/postfix/smtpd/banner"}},
		{"Postfix: unknown restriction", []string{"set", "mail/postfix/smtpd/restrictions/recipient/20=reject_everybody_else"}, []string{"reject_everybody_else"}},
		{"layout over another", []string{"set", "mail/dovecot/location/home=/srv/%d/%n"}, []string{"mail/dovecot/location/home"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			unchanged(t, host, func() { refuse(t, host, test.want, test.args...) })
		})
	}
}

// refuse runs a command that must be refused.
func refuse(t *testing.T, host *harness.Host, want []string, args ...string) {
	t.Helper()
	r := host.Run(args...)
	if r.Code != 1 || r.Stdout != "" {
		t.Errorf("%q: %s, want exit 1 and nothing on stdout", args, r)
	}
	for _, text := range want {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("%q: stderr %q does not name %q", args, r.Stderr, text)
		}
	}
}

// TestReadOnlyTarget proves that a directory which cannot be written to is found before anything is: each of the targets
// is mounted read-only in a mount namespace of the command's own.
func TestReadOnlyTarget(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for _, target := range []string{"etc/postfix", "etc/mailreg", "var/lib/mailreg"} {
		t.Run(target, func(t *testing.T) {
			path := filepath.Join(host.Root(), target)
			cmd := host.Command("set", "mail/messagesizelimit=4711")
			const mount = `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"`
			argv := append([]string{"unshare", "-m", "sh", "-ec", mount, "sh", path}, cmd.Args...)
			cmd.Path, cmd.Args = harness.Program(t, "unshare"), argv
			unchanged(t, host, func() {
				r := host.RunCommand("", cmd)
				if r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, "read-only file system") {
					t.Errorf("%s, want exit 1 and a read-only file system", r)
				}
			})
			if got := host.Run("get", "mail/messagesizelimit"); got.Stdout == "4711\n" {
				t.Error("the value is in force")
			}
		})
	}
}
