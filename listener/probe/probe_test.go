package probe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuffix(t *testing.T) {
	p, err := New(Config{Base: "ou=people, dc=Example,dc=test"})
	if err != nil {
		t.Fatal(err)
	}
	for contexts, want := range map[string]string{
		"":                                  "",
		"dc=other,dc=test":                  "",
		"dc=example,dc=test":                "dc=example,dc=test",
		"dc=test|DC=example,DC=test|cn=log": "DC=example,DC=test",
		"ou=people,dc=example,dc=test":      "ou=people,dc=example,dc=test",
		"ou=a,ou=people,dc=example,dc=test": "",
		"people,=|dc=test":                  "dc=test",
	} {
		if got := p.suffix(strings.Split(contexts, "|")); got != want {
			t.Errorf("of %q the base lies in %q, want %q", contexts, got, want)
		}
	}
}

func TestNewRefusesABadBase(t *testing.T) {
	if _, err := New(Config{Base: "people"}); err == nil {
		t.Error("a base that is no DN was taken")
	}
}

func TestOnlyBrokenConnectionsAreReplaced(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("searching: %w", ldap.NewError(ldap.LDAPResultBusy, errors.New("busy"))), true},
		{fmt.Errorf("searching: %w", errNoVerdict), true},
		{ldap.NewError(ldap.ErrorNetwork, errors.New("closed")), false},
		{errors.New("unexpected EOF"), false},
	} {
		if got := answered(tt.err); got != tt.want {
			t.Errorf("answered(%v) = %t", tt.err, got)
		}
	}
}

func TestEntry(t *testing.T) {
	uuid := schema.UUID{1}
	c := &conn{words: schema.Profile{}.Vocabulary(schema.Attributes(), schema.EntryUUID)}
	e := c.entry(uuid, ldap.NewEntry("uid=a", map[string][]string{"mailPrimaryAddress": {"a@b"}}))
	if e.UUID != uuid || e.DN != "uid=a" || e.First("MAILPRIMARYADDRESS") != "a@b" {
		t.Errorf("entry %+v", e)
	}
}
