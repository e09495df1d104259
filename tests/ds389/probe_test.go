package ds389

import (
	"slices"
	"strconv"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// deny hides what a target clause names below a DN from the listener, and returns what ends that. The server answers a change
// of its access rules before it obeys it; what the listener is shown of an entry tells when it does.
func deny(t *testing.T, s *harness.DS389, dn, target, entry string) (allow func()) {
	aci := `(target="ldap:///` + dn + `")` + target + `(version 3.0; acl "hide"; deny (read, search, compare) userdn = "ldap:///` +
		harness.ListenerDN + `";)`
	old := s.Values(harness.BaseDN, "aci")
	set := func(hidden bool, values ...string) {
		s.Set(harness.BaseDN, "aci", values...)
		harness.Await(t, "obeying the access rules", func() bool { return shows(t, s, entry) != hidden })
	}
	set(true, append(slices.Clone(old), aci)...)
	return func() { set(false, old...) }
}

// shows reports whether the listener sees the identity and the address of an entry, on a connection that knows nothing of before.
func shows(t *testing.T, s *harness.DS389, dn string) bool {
	t.Helper()
	conn, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(harness.ListenerDN, harness.ListenerPassword); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"nsUniqueId", schema.AttrPrimaryAddress}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return len(found.Entries) == 1 && len(found.Entries[0].Attributes) == 2
}

func TestVerdicts(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{NoSync: true})
	p, err := probe.New(probe.Config{
		Server: account(s), Base: harness.BaseDN, Identity: func() schema.Identity { return schema.NSUniqueID },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	verdict := func(what, uuid, dn string, want listener.Verdict) {
		t.Helper()
		id, err := schema.ParseUUID(uuid)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Close() // the rights have changed, which a connection does not notice; the probe keeps none for long
		got, entry, err := p.Verify(t.Context(), id, dn)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", what, got, err, want)
		}
		if want == listener.InScope && (entry == nil || entry.UUID != id) {
			t.Errorf("%s: entry %v", what, entry)
		}
	}
	anna := s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	ben := s.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	verdict("there", anna, harness.DN("anna"), listener.InScope)
	moved := s.Rename(harness.DN("anna"), "uid=anne", harness.StaffDN)
	verdict("moved", anna, harness.DN("anna"), listener.InScope)

	allow := deny(t, s, moved, `(targetattr="*")`, moved)
	verdict("entry hidden", anna, moved, listener.OutOfScope)
	allow()
	allow = deny(t, s, harness.StaffDN, `(targetattr="* || nsUniqueId")`, moved)
	verdict("subtree hidden", anna, moved, listener.OutOfScope)
	allow()
	allow = deny(t, s, moved, `(targetattr="nsUniqueId")`, moved)
	verdict("identity hidden", anna, moved, listener.OutOfScope)
	allow()
	verdict("shown again", anna, moved, listener.InScope)

	s.Delete(moved)
	verdict("deleted", anna, moved, listener.Deleted)
	again := s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	verdict("another one in its place", anna, harness.DN("anna"), listener.Deleted)
	verdict("the other one", again, harness.DN("anna"), listener.InScope)

	lacks := func(what, value string, want bool) {
		t.Helper()
		_ = p.Close() // as above
		got, err := p.Lacks(t.Context(), harness.DN("ben"), schema.AttrPrimaryAddress, value)
		if err != nil || got != want {
			t.Errorf("%s: %t, %v", what, got, err)
		}
	}
	lacks("has it", "BEN@example.test", false)
	lacks("has another", "x@example.test", true)
	allow = deny(t, s, harness.DN("ben"), `(targetattr="mailPrimaryAddress")`, harness.DN("ben"))
	lacks("hidden", "ben@example.test", false)
	allow()
	s.SetMail(harness.DN("ben"), "")
	lacks("removed", "ben@example.test", true)
	verdict("without address", ben, harness.DN("ben"), listener.InScope)

	if csns, err := p.Position(t.Context()); err != nil || len(csns) != 0 {
		t.Errorf("position %v, %v: 389-ds has none", csns, err)
	}
}

func TestTrimmedChangelog(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{})
	r := newRig(t, s, s.Directory, provider.Syncrepl)
	a, b := r.person("anna"), r.person("ben")
	r.settles("before")
	r.stop()
	r.dir.Delete(a)
	r.dir.SetMail(b, "ben.new@"+harness.MailDomain)
	r.person("carl")
	trim(t, s)
	r.start()
	r.settles("after the changelog was trimmed")
}

// trim waits until the server has trimmed its changelog, and gone beyond what it had before.
func trim(t *testing.T, s *harness.DS389) {
	t.Helper()
	const plugin = "cn=Retro Changelog Plugin,cn=plugins,cn=config"
	s.Set(plugin, "nsslapd-changelogmaxage", "1s")
	s.Set(plugin, "nsslapd-changelog-trim-interval", "1")
	last := number(s, "lastchangenumber")
	s.Restart() // which is when it reads these
	harness.Await(t, "the trimming of the changelog", func() bool { return number(s, "firstchangenumber") >= last })
}

// number returns a number that the root DSE shows.
func number(s *harness.DS389, name string) int {
	values := s.Values("", name)
	if len(values) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(values[0])
	return n
}

func TestResume(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{})
	scope := schema.Scope{Base: harness.BaseDN, Host: harness.ListenerDN}
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	begin := func(kind provider.Kind, cookie []byte) (names []string, end listener.Event) {
		t.Helper()
		source, err := provider.New(provider.Config{
			Server: account(s), Base: scope.Base, Filter: scope.Filter(), Selects: scope.Selects, Attributes: scope.Attributes(), Kind: kind,
		})
		if err != nil {
			t.Fatal(err)
		}
		for event, err := range source.Events(t.Context(), cookie) {
			switch {
			case err != nil:
				t.Fatal(err)
			case event.Kind == listener.Content:
				names = append(names, event.Entry.DN)
			case event.Kind == listener.RefreshEnd:
				slices.Sort(names)
				return names, event
			}
		}
		return names, end
	}
	// The host's own entry and those above it assign policies: 389-ds finds them by entryDN.
	want := []string{
		harness.BaseDN, harness.DomainsDN, harness.PeopleDN, harness.StaffDN, harness.DN("anna"), harness.ListenerDN,
	}
	slices.Sort(want)
	for _, kind := range []provider.Kind{provider.PSearch, provider.Poll} {
		if got, end := begin(kind, nil); !slices.Equal(got, want) || !end.Snapshot {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	got, end := begin(provider.Syncrepl, nil)
	if !slices.Equal(got, want) || !end.Snapshot || len(end.Cookie) == 0 {
		t.Errorf("from the beginning: %q, want %q", got, want)
	}
	s.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	if got, end := begin(provider.Syncrepl, end.Cookie); !slices.Equal(got, []string{harness.DN("ben")}) || end.Snapshot {
		t.Errorf("from the cookie: %q, snapshot %t", got, end.Snapshot)
	}
}
