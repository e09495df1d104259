package account_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

// states are the attributes of account states that the usual schemas of OpenLDAP do not have.
const states = `
attributetype ( 1.1.2.1.1 NAME 'sambaAcctFlags' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 EQUALITY caseIgnoreIA5Match SINGLE-VALUE )
attributetype ( 1.1.2.1.2 NAME 'krb5ValidEnd' SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 EQUALITY generalizedTimeMatch SINGLE-VALUE )
attributetype ( 1.1.2.1.3 NAME 'krb5KDCFlags' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 EQUALITY integerMatch SINGLE-VALUE )
attributetype ( 1.1.2.1.4 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 EQUALITY caseIgnoreMatch SINGLE-VALUE )
attributetype ( 1.1.2.1.5 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 EQUALITY integerMatch SINGLE-VALUE )
attributetype ( 1.1.2.1.6 NAME 'sambaPwdLastSet' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 EQUALITY integerMatch SINGLE-VALUE )
objectclass ( 1.1.2.2.1 NAME 'accountState' SUP top AUXILIARY
  MAY ( sambaAcctFlags $ krb5ValidEnd $ krb5KDCFlags $ nsAccountLock $ userAccountControl $ sambaPwdLastSet ) )
`

// newHost makes a host whose Dovecot would remember for an hour what it has asked the directory.
func newHost(t *testing.T, set ...string) *harness.Host {
	t.Helper()
	host := harness.NewHost(t, harness.HostConfig{
		NoPostfix: true,
		Set: append([]string{
			"mail/dovecot/auth/cache_ttl=1 hour", "mail/dovecot/auth/cache_negative_ttl=1 hour", "mail/dovecot/auth/master/password=" + masterPassword,
		}, set...),
		Slapd: func(c *harness.SlapdConfig) {
			c.Global = append(c.Global, "moduleload ppolicy")
			c.Overlay = append(c.Overlay, "overlay ppolicy")
			c.Schema = func(ours string) string { return ours + states }
		},
	})
	// Else it takes its time for each refusal.
	local := filepath.Join(host.Root(), "etc/dovecot/local.conf")
	if err := os.WriteFile(local, []byte("auth_failure_delay = 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	host.Dovecot.Stop()
	host.Dovecot.Start()
	return host
}

const masterPassword = "all-doors"

// addPerson adds a person who may have any account state.
func addPerson(host *harness.Host, uid string, more ...string) {
	host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test", Aliases: more})
	host.Slapd.Set(harness.DN(uid), "objectClass", "inetOrgPerson", "univentionMail", "shadowAccount", "accountState")
}

// idle opens a session that waits for news.
func idle(t *testing.T, host *harness.Host, user string) *imapclient.Client {
	t.Helper()
	client, err := host.Dovecot.Login(user, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Idle(); err != nil {
		t.Fatal(err)
	}
	return client
}

// ends waits for the end of a session and returns how long that took.
func ends(t *testing.T, client *imapclient.Client) time.Duration {
	t.Helper()
	begun := time.Now()
	select {
	case <-client.Closed():
	case <-time.After(30 * time.Second):
		t.Error("the session goes on")
	}
	return time.Since(begun)
}

func admitted(t *testing.T, host *harness.Host, user, password string) {
	t.Helper()
	client, err := host.Dovecot.Login(user, password)
	if err != nil {
		t.Errorf("%s cannot log in: %v", user, err)
		return
	}
	_ = client.Close()
}

func refused(t *testing.T, host *harness.Host, user, password string) {
	t.Helper()
	if client, err := host.Dovecot.Login(user, password); err == nil {
		t.Errorf("%s can still log in", user)
		_ = client.Close()
	}
}
