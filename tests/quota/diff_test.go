package quota_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestDiff makes Dovecot give users other quotas than the directory says, by its list and by its cache, and has that found
// and put right.
func TestDiff(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/auth/cache_ttl=1 hour"}})
	h.Slapd.Add("cn=seven,"+harness.BaseDN, map[string][]string{
		"objectClass": {"univentionMailQuota"}, "cn": {"seven"}, "univentionMailQuotaMB": {"7"},
	})
	for _, uid := range []string{"anna", "ben", "carl"} {
		h.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
	}
	h.Slapd.Set(harness.DN("anna"), "univentionMailUserQuota", "5")
	h.Slapd.Set(harness.DN("ben"), "objectClass", "inetOrgPerson", "univentionMail", "univentionPolicyReference")
	h.Slapd.Set(harness.DN("ben"), "univentionPolicyReference", "cn=seven,"+harness.BaseDN)
	h.Wait()
	limits := func(anna, ben, carl int64) {
		t.Helper()
		for uid, megabytes := range map[string]int64{"anna": anna, "ben": ben, "carl": carl} {
			if got := limit(t, h, uid); got != megabytes<<10 {
				t.Errorf("%s has limit %d KiB, want %d MiB", uid, got, megabytes)
			}
		}
	}
	limits(5, 7, 0)
	if r := h.Run("listener", "diff", "mailbox"); r.Code != 0 {
		t.Fatalf("nothing is wrong: %s", r)
	}
	path := filepath.Join(h.Root(), "var/lib/mailreg/dovecot/quota")
	table, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, after := range map[string]string{"list": "", "cache": string(table)} {
		// Dovecot looks at the list once in a second; until then nothing is wrong.
		spoil(t, path, strings.ReplaceAll(string(table), "=7", "=9")+"carl@example.test:::::::userdb_mailreg_quota=1\n")
		harness.Await(t, "Dovecot to take the wrong list", func() bool {
			h.Must("auth", "flush")
			return limit(t, h, "carl") == 1<<10
		})
		limits(5, 9, 1)
		if after != "" { // now it is in the cache only
			spoil(t, path, after)
			limits(5, 9, 1)
		}
		r := h.Run("listener", "diff", "mailbox", "--repair")
		for _, want := range []string{`quota in MB: want "7", have "9"`, `quota in MB: want "0", have "1"`, "2 entries under repair"} {
			if r.Code != 1 || !strings.Contains(r.Stdout+r.Stderr, want) {
				t.Errorf("%s: %s\nwant %s", what, r, want)
			}
		}
		h.Wait()
		limits(5, 7, 0)
		if r := h.Run("listener", "diff", "mailbox"); r.Code != 0 {
			t.Errorf("%s: after the repair: %s", what, r)
		}
	}
}

func spoil(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
