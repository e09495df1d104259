package quota_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestQuotaOfTheEntry proves that Dovecot takes the megabytes of each entry for the quota, at once after a flush, and that a
// value that is none neither counts nor keeps anybody out.
func TestQuotaOfTheEntry(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true})
	users := map[string]struct {
		value string
		limit int64 // KiB
	}{
		"anna": {"5", 5120}, "ben": {"10", 10240}, "carl": {"0", 0}, "dora": {"", 0}, "emil": {"999999999", 999999999 << 10},
		"fay": {"5M:messages=1", 0}, "gus": {"-1", 0}, "hal": {"99999999999999999999", 0}, "ida": {"%u", 0},
	}
	for uid, user := range users {
		h.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test", Aliases: []string{uid + ".alias@example.test"}})
		if user.value != "" {
			h.Slapd.Set(harness.DN(uid), "univentionMailUserQuota", user.value)
		}
	}
	h.Wait()
	for uid, user := range users {
		if err := h.Dovecot.Deliver(uid+".alias@example.test", "hello"); err != nil {
			t.Errorf("quota %q: %v", user.value, err)
		}
		if got := limit(t, h, uid); got != user.limit {
			t.Errorf("quota %q: limit %d, want %d", user.value, got, user.limit)
		}
	}
	h.Slapd.Set(harness.DN("anna"), "univentionMailUserQuota", "50")
	h.Must("auth", "flush", "anna@example.test")
	if got := limit(t, h, "anna"); got != 51200 {
		t.Errorf("after the change: limit %d", got)
	}
	h.Must("set", "mail/dovecot/quota/default=7")
	for uid, want := range map[string]int64{"anna": 51200, "carl": 0, "dora": 7168} {
		if got := limit(t, h, uid); got != want {
			t.Errorf("with a default of 7 MB: %s has limit %d, want %d", uid, got, want)
		}
	}
}

// limit returns the quota of a user as IMAP tells it, in KiB; 0 is none.
func limit(t *testing.T, h *harness.Host, uid string) int64 {
	t.Helper()
	client, err := h.Dovecot.Login(uid+"@example.test", harness.Password)
	if err != nil {
		t.Errorf("login: %v", err)
		return -1
	}
	defer client.Close()
	roots, err := client.GetQuotaRoot("INBOX").Wait()
	if err != nil {
		t.Errorf("quota of %s: %v", uid, err)
		return -1
	}
	for _, root := range roots {
		for _, resource := range root.Resources {
			return resource.Limit
		}
	}
	return 0
}
