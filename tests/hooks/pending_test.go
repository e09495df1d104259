package hooks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestReloadThatFails proves that a reload which fails for real is told by exit code 3, stays pending and is tried again.
func TestReloadThatFails(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoListener: true})
	s := scene{h.Sandbox, h.Mailreg, t}
	away := func(from, to string) {
		t.Helper()
		if err := os.Rename(s.path(from), s.path(to)); err != nil {
			t.Fatal(err)
		}
	}
	// postfix reload looks at the queue first. Neither the config nor a check of it knows anything of that.
	away("/var/spool/postfix/active", "/var/spool/postfix/away")
	failed := func(args ...string) {
		t.Helper()
		r := s.Run(args...)
		if r.Code != 3 || !strings.Contains(r.Stderr, "a service action is pending: reload of postfix.service: ") {
			t.Errorf("mailreg %s: %s", strings.Join(args, " "), r)
		}
	}
	reloads := h.Postfix.Reloads()
	failed("set", "mail/postfix/softbounce=yes")
	if bounce := h.Postfix.Setting("soft_bounce"); bounce != "yes" {
		t.Errorf("soft_bounce = %s: the file is not in place", bounce)
	}
	if r := s.Run("status"); r.Code != 1 || !strings.Contains(r.Stdout, "Pending: reload of postfix.service, failed since ") {
		t.Errorf("status: %s", r)
	}
	failed("commit")
	s.Expect(0, "Create my/key\n", "", "set", "my/key=1") // what needs no Postfix goes on
	away("/var/spool/postfix/away", "/var/spool/postfix/active")
	s.Expect(0, "Reload: postfix.service\n", "", "commit")
	if now := h.Postfix.Reloads(); now != reloads+1 {
		t.Errorf("%d reloads, want 1", now-reloads)
	}
	s.Expect(0, "", "", "commit")
}
