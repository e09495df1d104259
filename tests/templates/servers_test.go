package templates_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// hostileSecret is a password with everything that a configuration file could stumble over.
const hostileSecret = `# "s3" 'cr' $myhostname %s %{user} %% \ <e>{t`

// newHost makes a host whose directory knows the listener by hostileSecret, with alice and bob at home here and carol on
// another host. Bob has alice's primary address among his alternative ones.
func newHost(t *testing.T, set ...string) *harness.Host {
	t.Helper()
	h := harness.NewHost(t, harness.HostConfig{Set: set, NoDovecot: true, NoPostfix: true, NoListener: true})
	h.Slapd.AddDomain(harness.MailDomain)
	h.Slapd.AddPerson(harness.Person{UID: "alice", Mail: "Alice.A@example.test", Aliases: []string{"a@example.test"}})
	h.Slapd.AddPerson(harness.Person{
		UID: "bob", Mail: "bob@example.test", Home: harness.HostName,
		Aliases: []string{"alice.a@example.test"},
	})
	h.Slapd.AddPerson(harness.Person{UID: "carol", Mail: "carol@example.test", Home: "mail2.example.test"})
	secret := filepath.Join(h.Dir, "hostile.secret")
	if err := os.WriteFile(secret, []byte(hostileSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Slapd.Set(harness.ListenerDN, "userPassword", hostileSecret)
	h.Must("set", "--no-reload", "ldap/secret="+secret)
	return h
}

func TestDovecotAsksTheDirectory(t *testing.T) {
	h := newHost(t, "mail/dovecot/auth/master/password=mäster # \"1\"", "mail/dovecot/auth/cache_size=0")
	h.Listener = harness.NewListener(t, h.Sandbox)
	h.Wait()
	imap := strings.TrimSpace(h.Must("get", "mail/dovecot/imap/port"))
	h.Dovecot = harness.NewDovecot(t, h.Sandbox, "127.0.0.1:"+imap)

	logins := []struct {
		user, password string
		want           bool
	}{
		{"alice.a@example.test", harness.Password, true},
		{"ALICE.A@EXAMPLE.TEST", harness.Password, true},
		{"alice", harness.Password, true},
		{"bob@example.test", harness.Password, true},
		{"bob@example.test*dovecotadmin", "mäster # \"1\"", true},
		{"bob@example.test*dovecotadmin", "master", false},
		{"bob@example.test", "", false},
		{"bob@example.test", "wrong", false},
		{"a@example.test", harness.Password, false},
		{"alice@example.test", harness.Password, false},
		{"carol@example.test", harness.Password, false},
		{"*", harness.Password, false},
	}
	var group sync.WaitGroup
	for _, login := range logins {
		group.Go(func() { // Dovecot lets a refused client wait.
			client, err := h.Dovecot.Login(login.user, login.password)
			if (err == nil) != login.want {
				t.Errorf("login %s with %q: %v", login.user, login.password, err)
			}
			if err == nil {
				_ = client.Logout().Wait()
			}
		})
	}
	group.Wait()

	for address, want := range map[string]bool{
		"alice.a@example.test": true, "Alice.A@Example.Test": true, "a@example.test": true, "bob@example.test": true,
		"carol@example.test": false, "nobody@example.test": false, "alice@example.test": false,
	} {
		if got, err := h.Dovecot.Knows(address); got != want || err != nil {
			t.Errorf("LMTP to %s: %v, %v", address, got, err)
		}
	}
	for _, address := range []string{"A@example.test", "alice.a@example.test"} {
		if err := h.Dovecot.Deliver(address, "to "+address); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(h.Root(), "etc/dovecot/dovecot.conf")
	if got := ask(t, "doveadm", "-c", conf, "user", "*"); got != "alice.a@example.test\nbob@example.test\n" {
		t.Errorf("the list of all users is %q", got)
	}
	got := strings.Join(h.Dovecot.Subjects("alice", harness.Password), ", ")
	if got != "to A@example.test, to alice.a@example.test" {
		t.Errorf("alice has %q", got)
	}
}

func TestPostfixAsksTheDirectory(t *testing.T) {
	h := newHost(t, "mail/postfix/transport/port=2525", "mail/maps/transport/x=example.org smtp:[192.0.2.1]")
	h.Slapd.Set(harness.DN("bob"), "mailForwardAddress", "bob@elsewhere.test", "bob@example.test")
	dir := filepath.Join(h.Root(), "etc/postfix")
	for _, lookup := range []struct{ table, key, want string }{
		{"ldap:ldap.virtualdomains", "example.test", "example.test"},
		{"ldap:ldap.virtualdomains", "other.test", ""},
		{"ldap:ldap.virtual", "a@example.test", "Alice.A@example.test"},
		{"ldap:ldap.virtual", "*@example.test", ""},
		{"ldap:ldap.virtual_mailbox", "carol@example.test", "carol@example.test"},
		{"ldap:ldap.virtual_mailbox", "a@example.test", ""},
		{"ldap:ldap.external_aliases", "bob@example.test", "bob@elsewhere.test,bob@example.test"},
		{"ldap:ldap.external_aliases", "a@example.test", ""},
		{"ldap:ldap.transport", "carol@example.test", "smtp:[mail2.example.test]:2525"},
		{"ldap:ldap.transport", "bob@example.test", ""},
		{"ldap:ldap.transport", "alice.a@example.test", ""},
		{"hash:transport", "example.org", "smtp:[192.0.2.1]"},
	} {
		kind, name, _ := strings.Cut(lookup.table, ":")
		if got := query(t, dir, kind+":"+filepath.Join(dir, name), lookup.key); got != lookup.want {
			t.Errorf("%s of %s is %q, want %q", lookup.table, lookup.key, got, lookup.want)
		}
	}
}
