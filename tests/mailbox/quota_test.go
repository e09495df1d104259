package mailbox_test

import (
	"fmt"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestQuotaTexts proves that nothing in the place of a quota keeps its user out: an expression that Dovecot 2.4 cannot
// work out is an error for the whole user, and doveconf does not find it.
func TestQuotaTexts(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true})
	for i, quota := range []string{"", "0", "5", "123456789", "99999999999999999999", "7M", "-1", "{ldap:uid}"} {
		person := harness.Person{UID: fmt.Sprintf("quota%d", i), Mail: fmt.Sprintf("quota%d@example.test", i)}
		h.Slapd.AddPerson(person)
		if quota != "" {
			h.Slapd.Set(harness.DN(person.UID), "univentionMailUserQuota", quota)
		}
		h.Wait()
		if known, err := h.Dovecot.Knows(person.Mail); !known || err != nil {
			t.Errorf("quota %q: mail is refused: %v", quota, err)
		}
		client, err := h.Dovecot.Login(person.Mail, harness.Password)
		if err != nil {
			t.Errorf("quota %q: %v", quota, err)
			continue
		}
		if err := client.Logout().Wait(); err != nil {
			t.Error(err)
		}
	}
}
