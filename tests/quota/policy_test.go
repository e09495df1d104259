package quota_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestQuotaPolicy proves that a policy gives a quota to those who have none of their own, at once when it, its assignment or
// the user changes, and under whatever name somebody logs in.
func TestQuotaPolicy(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/auth/cache_ttl=1 hour", "mail/dovecot/quota/default=3"}})
	policy := func(name, megabytes string) string {
		dn := "cn=" + name + "," + harness.BaseDN
		h.Slapd.Add(dn, map[string][]string{"objectClass": {"univentionMailQuota"}, "cn": {name}, "univentionMailQuotaMB": {megabytes}})
		return dn
	}
	seven, ten := policy("seven", "7"), policy("ten", "10")
	for _, uid := range []string{"anna", "ben", "carl"} {
		h.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
	}
	h.Slapd.Set(harness.DN("ben"), "univentionMailUserQuota", "5")
	want := func(anna, ben, carl int64) {
		t.Helper()
		h.Wait()
		for uid, megabytes := range map[string]int64{"anna": anna, "ben": ben, "carl": carl} {
			if got := limit(t, h, uid); got != megabytes<<10 {
				t.Errorf("%s has limit %d KiB, want %d MiB", uid, got, megabytes)
			}
		}
	}
	assign := func(dn, class string, policies ...string) {
		t.Helper()
		h.Slapd.Set(dn, "objectClass", append([]string{class}, "univentionPolicyReference")...)
		h.Slapd.Set(dn, "univentionPolicyReference", policies...)
	}
	want(3, 5, 3)
	assign(harness.PeopleDN, "organizationalUnit", seven)
	want(7, 5, 7)
	h.Slapd.Set(harness.DN("carl"), "objectClass", "inetOrgPerson", "univentionMail", "univentionPolicyReference")
	h.Slapd.Set(harness.DN("carl"), "univentionPolicyReference", ten)
	want(7, 5, 10)
	h.Slapd.Set(seven, "univentionMailQuotaMB", "8")
	want(8, 5, 10)
	h.Slapd.Set(harness.DN("ben"), "univentionMailUserQuota")
	want(8, 8, 10)
	h.Slapd.Set(harness.DN("carl"), "univentionMailUserQuota", "0")
	want(8, 8, 0)
	if err := h.Dovecot.Deliver("anna@example.test", "hello"); err != nil {
		t.Error(err)
	}
	client, err := h.Dovecot.Login("anna", harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := client.GetQuotaRoot("INBOX").Wait()
	if err != nil || len(roots) != 1 || roots[0].Resources["STORAGE"].Limit != 8<<10 {
		t.Errorf("logged in by user name: %+v, %v", roots, err)
	}
	_ = client.Close()
	h.Listener.Kill() // it all works without the daemon, and a start changes nothing
	h.Slapd.Delete(ten)
	if got := limit(t, h, "ben"); got != 8<<10 {
		t.Errorf("without the daemon: %d", got)
	}
	h.Listener.Start()
	h.Slapd.Delete(seven)
	want(3, 3, 0)
}
