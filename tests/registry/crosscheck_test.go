package registry_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestLimitsThatDoveconfCounts compares our rule about the clients of auth and anvil with what doveconf says to the rendered
// files, one client below the least that we ask for and at it.
func TestLimitsThatDoveconfCounts(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	version, err := exec.Command("dovecot", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		imap, pop3, lmtp, sieve string
		limit, auth, anvil      int
	}{
		{imap: "yes", pop3: "no", lmtp: "yes", sieve: "no", limit: 1000, auth: 3000, anvil: 2003},
		{imap: "yes", pop3: "no", lmtp: "no", sieve: "no", limit: 1500, auth: 3000, anvil: 3003},
		{imap: "no", pop3: "no", lmtp: "yes", sieve: "no", limit: 2001, auth: 2001, anvil: 3},
		{imap: "yes", pop3: "no", lmtp: "yes", sieve: "yes", limit: 1000, auth: 4000, anvil: 3003},
		{imap: "yes", pop3: "yes", lmtp: "yes", sieve: "yes", limit: 1000, auth: 5000, anvil: 4003},
	} {
		for _, less := range []int{0, 1} {
			r := h.Run("set", "--dry-run", "mail/dovecot/imap="+test.imap, "mail/dovecot/pop3="+test.pop3,
				"mail/dovecot/lmtp/enabled="+test.lmtp, "mail/dovecot/sieve/enabled="+test.sieve,
				fmt.Sprintf("mail/dovecot/limits/default_process_limit=%d", test.limit),
				fmt.Sprintf("mail/dovecot/limits/auth/client_limit=%d", test.auth-less),
				fmt.Sprintf("mail/dovecot/limits/anvil/client_limit=%d", test.anvil-less))
			if r.Code != 0 {
				t.Fatal(r)
			}
			for _, service := range []string{"auth", "anvil"} {
				ours := strings.Contains(r.Stderr, "mail/dovecot/limits/"+service+"/client_limit (")
				theirs := strings.Contains(r.Stderr, "service "+service+" { client_limit=")
				if ours != (less == 1) {
					t.Errorf("%+v, %d less: our warning about %s is %v:\n%s", test, less, service, ours, r.Stderr)
				}
				if theirs && !ours || ours != theirs && strings.HasPrefix(string(version), "2.3.") {
					t.Errorf("%+v, %d less: ours about %s %v, doveconf's %v:\n%s", test, less, service, ours, theirs, r.Stderr)
				}
			}
		}
	}
}

// TestConflictsThatServersDieOf shows that the servers mean it: who insists gets their own refusal, and the files from before.
func TestConflictsThatServersDieOf(t *testing.T) {
	t.Parallel()
	h := newHost(t, "mail/postfix/listen=127.0.0.1")
	h.refused("mail/postfix/listen (127.0.0.1, ::1) has addresses that mail/postfix/inet/protocols (ipv4) excludes", "set", "mail/postfix/listen=127.0.0.1, ::1")
	before := h.read("/etc/postfix/master.cf")
	r := h.Run("set", "--ignore-check", "mail/postfix/listen=127.0.0.1, ::1")
	if r.Code != 1 || !strings.Contains(r.Stderr, "does not work with the new settings") {
		t.Errorf("who insists: %s", r)
	}
	if h.read("/etc/postfix/master.cf") != before || h.size() == "" {
		t.Error("master.cf is not what it was")
	}
}
