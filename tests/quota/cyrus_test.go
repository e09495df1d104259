package quota_test

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestCyrusPolicy proves that a policy limits stores on Cyrus as it does on Dovecot: at once, after what the entry says and
// before what is for all, and that a limit which somebody else has set is found.
func TestCyrusPolicy(t *testing.T) {
	t.Parallel()
	const home = "mail1.example.test"
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Cyrus: harness.Release(), Set: []string{"mail/cyrus/imap/quota/default=3"}})
	seven := "cn=seven," + harness.BaseDN
	h.Slapd.Add(seven, map[string][]string{"objectClass": {"univentionMailQuota"}, "cn": {"seven"}, "univentionMailQuotaMB": {"7"}})
	for _, uid := range []string{"anna", "ben", "carl"} {
		h.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test", Home: home})
	}
	h.Slapd.Set(harness.DN("ben"), "univentionMailUserQuota", "5")
	h.Wait()
	admin, err := imapclient.DialInsecure(h.Cyrus.IMAP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.Authenticate(sasl.NewPlainClient("", harness.CyrusAdmin, harness.Password)); err != nil {
		t.Fatal(err)
	}
	want := func(what string, limits map[string]int64) {
		t.Helper()
		h.Wait()
		for address, megabytes := range limits {
			roots, err := admin.GetQuotaRoot("user/" + address).Wait()
			var got int64
			for _, root := range roots {
				got = root.Resources[imap.QuotaResourceStorage].Limit
			}
			if err != nil || got != megabytes<<10 {
				t.Errorf("%s: %s has limit %d KiB, want %d MiB: %v", what, address, got, megabytes, err)
			}
		}
	}
	users := func(anna, ben, carl int64) map[string]int64 {
		return map[string]int64{"anna@example.test": anna, "ben@example.test": ben, "carl@example.test": carl}
	}
	want("without a policy", users(3, 5, 3))
	h.Slapd.Set(harness.PeopleDN, "objectClass", "organizationalUnit", "univentionPolicyReference")
	h.Slapd.Set(harness.PeopleDN, "univentionPolicyReference", seven)
	want("by the container", users(7, 5, 7))
	h.Slapd.Set(seven, "univentionMailQuotaMB", "8")
	h.Slapd.Set(harness.DN("carl"), "univentionMailUserQuota", "0")
	want("with another quota", users(8, 5, 0))
	h.Slapd.Set(harness.DN("ben"), "univentionMailUserQuota")
	h.Slapd.Set(harness.DN("anna"), "mailPrimaryAddress", "a@example.test")
	want("with another address", map[string]int64{"a@example.test": 8, "ben@example.test": 8})
	if err := admin.SetQuota("user/ben@example.test", map[imap.QuotaResourceType]int64{imap.QuotaResourceStorage: 9}).Wait(); err != nil {
		t.Fatal(err)
	}
	h.Listener.Stop() // a start sets nothing
	h.Listener.Start()
	h.Wait()
	if r := h.Run("listener", "diff", "mailbox", "--repair"); r.Code != 1 || !strings.Contains(r.Stdout, `quota in KB: want "8192", have "9"`) {
		t.Errorf("a wrong limit is not found: %s", r)
	}
	want("after the repair", map[string]int64{"ben@example.test": 8})
	h.Slapd.Delete(seven)
	want("without the policy", map[string]int64{"a@example.test": 3, "ben@example.test": 3, "carl@example.test": 0})
}
