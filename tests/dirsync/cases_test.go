package dirsync

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/dirsync"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// readers are the two accounts: one is shown deletions, one has to count.
var readers = map[string]string{"reader": harness.SambaReaderDN, "listener": harness.SambaListenerDN}

// change does one of each kind of change to a directory with anna, bert, carl and dora.
func change(s *harness.Samba, then func(what string)) {
	people := func(ou string) string { return "OU=" + ou + "," + harness.PeopleDN }
	s.AddUser("emil", "emil@example.test")
	then("added")
	s.Set(harness.SambaDN("emil"), "mail", "emil2@example.test")
	then("modified")
	s.Set(harness.SambaDN("emil"), "proxyAddresses", "smtp:e@example.test")
	then("another attribute")
	s.Set(harness.SambaDN("emil"), "mail")
	then("an attribute removed")
	s.Rename(harness.SambaDN("anna"), "CN=anna b.", "")
	then("renamed")
	s.Add(people("sub"), map[string][]string{"objectClass": {"organizationalUnit"}})
	s.Rename("CN=anna b.,"+harness.PeopleDN, "CN=anna", people("sub"))
	then("moved")
	s.Rename(people("sub"), "OU=other", "")
	then("moved with what is above it")
	s.Rename(people("other"), "OU=other", harness.StaffDN)
	then("moved out of the base with what is above it")
	s.Rename("OU=other,"+harness.StaffDN, "OU=other", harness.PeopleDN)
	then("moved back")
	s.Rename(harness.SambaDN("carl"), "CN=carl", harness.StaffDN)
	then("moved out of the base")
	s.Rename("CN=carl,"+harness.StaffDN, "CN=carl", harness.PeopleDN)
	then("moved into the base")
	s.Delete(harness.SambaDN("bert"))
	then("deleted")
	s.Delete(harness.SambaDN("dora"))
	s.AddUser("dora", "dora@example.test")
	then("deleted and added again")
}

// filled returns a domain controller with some users.
func filled(t *testing.T) *harness.Samba {
	t.Helper()
	s := harness.NewSamba(t, harness.NewSandbox(t))
	for _, name := range []string{"anna", "bert", "carl", "dora"} {
		s.AddUser(name, name+"@example.test")
	}
	s.AddUser("nomail", "")
	s.Add(harness.SambaDN("pc1"), map[string][]string{
		"objectClass": {"computer"}, "sAMAccountName": {"pc1$"}, "mail": {"pc1@example.test"}, "userAccountControl": {"4096"},
	})
	return s
}

func TestLiveChanges(t *testing.T) {
	for name, dn := range readers {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			r := follow(t, s, dn, nil).refreshed()
			r.equals(s)
			change(s, func(what string) {
				t.Log(what)
				r.equals(s)
			})
		})
	}
}

func TestOfflineChanges(t *testing.T) {
	for name, dn := range readers {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			r := follow(t, s, dn, nil).refreshed()
			change(s, func(what string) {
				t.Log(what)
				if err := r.end(); err == nil {
					t.Fatal("a session ended without an error")
				}
				r = follow(t, s, dn, r).refreshed()
				r.equals(s)
			})
		})
	}
}

func TestServerRestart(t *testing.T) {
	s := filled(t)
	r := follow(t, s, harness.SambaReaderDN, nil).refreshed()
	s.Kill()
	if err := r.end(); err == nil {
		t.Error("the session goes on without a server")
	}
	s.Start()
	s.Delete(harness.SambaDN("anna"))
	s.Stop()
	s.Start()
	next := follow(t, s, harness.SambaReaderDN, r).refreshed()
	next.equals(s)
	if next.snapshots != 0 || next.told["cn=carl,"+harness.PeopleDN] != 0 {
		t.Error("everything was loaded again")
	}
}

func TestOnlyWhatCountsIsTold(t *testing.T) {
	s := filled(t)
	r := follow(t, s, harness.SambaReaderDN, nil).refreshed()
	s.Set(harness.SambaDN("anna"), "telephoneNumber", "77")
	s.Set(harness.SambaDN("bert"), "mail")
	s.Set(harness.SambaDN("carl"), "mail", "c@example.test")
	r.equals(s)
	if n := r.told["cn=anna,"+harness.PeopleDN]; n != 1 {
		t.Errorf("a change of a telephone number was told: %d times in all", n)
	}
}

func TestBadCookies(t *testing.T) {
	s := filled(t)
	r := follow(t, s, harness.SambaReaderDN, nil).refreshed()
	if err := r.end(); err == nil {
		t.Fatal("a session ended without an error")
	}
	spoilt := func(field string, value any) string {
		var cookie map[string]any
		if err := json.Unmarshal(r.cookie, &cookie); err != nil {
			t.Fatal(err)
		}
		cookie[field] = value
		text, err := json.Marshal(cookie)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, cookie := range map[string]string{
		"another source's": "rid=000,csn=20260101000000.000000Z#000000#000#000000",
		"garbage":          spoilt("cookie", []byte("GARBAGE")),
		"empty":            spoilt("cookie", nil),
		"another server's": spoilt("service", "CN=NTDS Settings,CN=DC2"),
		"the future's":     spoilt("usn", 99999999),
		"old":              spoilt("time", "2020-01-01T00:00:00Z"),
	} {
		bad := &replica{t: t, source: r.source, told: map[string]int{}, seen: map[schema.UUID]bool{}, changed: make(chan struct{}, 1)}
		err := bad.run(t.Context(), []byte(cookie))
		if !errors.Is(err, listener.ErrCookie) || bad.refreshes > 0 {
			t.Errorf("%s: %v after %d refreshes", name, err, bad.refreshes)
		}
		t.Log(err)
	}
}

func TestLargeGroup(t *testing.T) {
	s := filled(t)
	const count = 1600 // values of an attribute are shown in parts of 1500
	var members []string
	var ldif strings.Builder
	for i := range count {
		members = append(members, fmt.Sprintf("CN=m%04d,%s", i, harness.StaffDN))
		fmt.Fprintf(&ldif, "dn: %s\nchangetype: add\nobjectClass: contact\n\n", members[i])
	}
	s.LDIF(ldif.String())
	group := "CN=all," + harness.PeopleDN
	s.Add(group, map[string][]string{"objectClass": {"group"}, "sAMAccountName": {"all"}, "member": members[:count-1]})
	r := follow(t, s, harness.SambaReaderDN, nil).refreshed()
	has := func(want int) {
		t.Helper()
		r.await(func() string {
			for _, e := range r.entries {
				if strings.EqualFold(e.DN, group) {
					if n := len(e.Values("member")); n != want {
						return fmt.Sprintf("the group has %d members, want %d", n, want)
					}
					return ""
				}
			}
			return "the group is missing"
		})
	}
	has(count - 1)
	add := ldap.NewModifyRequest(group, nil)
	add.Add("member", members[count-1:])
	if err := s.Conn.Modify(add); err != nil {
		t.Fatal(err)
	}
	has(count)
	begin := time.Now()
	s.Set(group, "member", members[:3]...)
	has(3)
	t.Logf("told after %s", time.Since(begin))
}

func TestOtherDirectoriesAreRefused(t *testing.T) {
	s := harness.NewSlapd(t)
	source, err := dirsync.New(dirsync.Config{
		Server: connect.Server{URLs: []string{s.URLI()}}, Base: harness.BaseDN,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range source.Events(t.Context(), nil) {
		if err == nil || !strings.Contains(err.Error(), "it is no Active Directory") {
			t.Errorf("an OpenLDAP is followed: %v", err)
		}
	}
}
