package provider

import (
	"context"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func parse(t *testing.T, uuid string) schema.UUID {
	t.Helper()
	u, err := schema.ParseUUID(uuid)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// acl is the usual access with rules for people put before it.
func acl(rules ...string) func(*harness.SlapdConfig) {
	return func(c *harness.SlapdConfig) {
		c.ACL = append(rules,
			"to attrs=userPassword by anonymous auth by * none",
			"to * by dn.exact="+harness.ListenerDN+" read by * none")
	}
}

func TestVerify(t *testing.T) {
	second := func(c *harness.SlapdConfig) {
		c.Overlay = []string{"database ldif", "suffix dc=other,dc=test", "rootdn " + harness.AdminDN, "directory /tmp"}
	}
	tests := map[string]struct {
		base   string // the probe's; harness.BaseDN when empty
		change func(*harness.Slapd)
		config func(*harness.SlapdConfig) // after the change
		lastDN string                     // anna's own when empty
		want   listener.Verdict
		err    string
	}{
		"there":     {want: listener.InScope},
		"deleted":   {change: func(s *harness.Slapd) { s.Delete(harness.DN("anna")) }, want: listener.Deleted},
		"no old DN": {change: func(s *harness.Slapd) { s.Delete(harness.DN("anna")) }, lastDN: "none", want: listener.Deleted},
		"moved": {change: func(s *harness.Slapd) {
			s.Rename(harness.DN("anna"), "uid=anne", harness.StaffDN)
		}, want: listener.InScope},
		"out of the filter": {change: func(s *harness.Slapd) {
			s.LDIF("dn: " + harness.DN("anna") + "\nchangetype: modify\ndelete: mailPrimaryAddress\n-\n" +
				"delete: objectClass\nobjectClass: univentionMail\n")
		}, want: listener.InScope},
		"out of the base": {base: harness.PeopleDN, change: func(s *harness.Slapd) {
			s.Rename(harness.DN("anna"), "uid=anna", harness.StaffDN)
		}, want: listener.OutOfScope},
		"deleted and made again": {change: func(s *harness.Slapd) {
			s.Delete(harness.DN("anna"))
			s.AddPerson(harness.Person{UID: "anna"})
		}, want: listener.Deleted},
		"hidden, and said so": {
			config: acl("to dn.exact=" + harness.DN("anna") + " by dn.exact=" + harness.ListenerDN + " disclose by * none"),
			want:   listener.OutOfScope,
		},
		"hidden without a word": {
			config: acl("to dn.exact=" + harness.DN("anna") + " by * none"),
			want:   listener.OutOfScope,
		},
		"hidden with all beside it": {
			config: acl("to dn.subtree=" + harness.PeopleDN + " by * none"),
			want:   listener.OutOfScope,
		},
		"deleted below what is hidden": {
			change: func(s *harness.Slapd) {
				s.Delete(harness.DN("anna"))
				s.AddPerson(harness.Person{UID: "ben"})
			},
			config: acl("to dn.exact=" + harness.PeopleDN + " by * none"),
			want:   listener.Deleted,
		},
		"deleted with what is above": {
			change: func(s *harness.Slapd) { s.Delete(harness.DN("anna")); s.Delete(harness.PeopleDN) },
			want:   listener.Deleted,
		},
		"UUID hidden": {
			config: acl("to dn.subtree=" + harness.PeopleDN + " attrs=entryUUID by * none"),
			want:   listener.OutOfScope,
		},
		"UUID hidden, deleted": {
			change: func(s *harness.Slapd) { s.Delete(harness.DN("anna")) },
			config: acl("to attrs=entryUUID by * none"),
			err:    "may we search",
		},
		"base hidden": {
			base:   harness.PeopleDN,
			config: acl("to dn.subtree=" + harness.PeopleDN + " by * none"),
			err:    "result code 32",
		},
		"another database": {change: func(s *harness.Slapd) { s.Delete(harness.DN("anna")) }, config: second, want: listener.Deleted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := harness.NewSlapd(t)
			uuid := parse(t, s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"}))
			if tt.change != nil {
				tt.change(s)
			}
			if tt.config != nil {
				s.Restart(tt.config)
			}
			lastDN := map[string]string{"": harness.DN("anna"), "none": ""}[tt.lastDN]
			base := tt.base
			if base == "" {
				base = harness.BaseDN
			}
			verdict, entry, err := newProbe(t, s, base).Verify(t.Context(), uuid, lastDN)
			if tt.err != "" {
				if err == nil || !strings.Contains(strings.ToLower(err.Error()), tt.err) {
					t.Errorf("verdict %d, error %v, want one that speaks of %q", verdict, err, tt.err)
				}
				return
			}
			if err != nil || verdict != tt.want || (entry != nil) != (tt.want == listener.InScope) {
				t.Errorf("verdict %d with entry %v, %v; want %d", verdict, entry, err, tt.want)
			}
			if entry != nil && (entry.UUID != uuid || entry.First("uid") == "" || entry.First("createTimestamp") == "") {
				t.Errorf("entry %+v", entry)
			}
		})
	}
}

func TestLacks(t *testing.T) {
	s := harness.NewSlapd(t)
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	s.Set(harness.DN("anna"), "description", "kept")
	p := newProbe(t, s, harness.BaseDN)
	for _, tt := range []struct {
		name  string
		acl   []string
		lacks bool
	}{
		{name: "there"},
		{name: "hidden", acl: []string{"to dn.exact=" + harness.DN("anna") + " attrs=description by * none"}},
		{name: "entry hidden", acl: []string{"to dn.exact=" + harness.DN("anna") + " by * none"}},
	} {
		s.Restart(acl(tt.acl...))
		if lacks, err := p.Lacks(t.Context(), harness.DN("anna"), "description", "kept"); err != nil || lacks {
			t.Errorf("%s: lacks %t, %v", tt.name, lacks, err)
		}
	}
	s.Restart(acl())
	s.Set(harness.DN("anna"), "description", "another")
	if lacks, err := p.Lacks(t.Context(), harness.DN("anna"), "description", "kept"); err != nil || !lacks {
		t.Errorf("replaced: lacks %t, %v", lacks, err)
	}
	s.Set(harness.DN("anna"), "description")
	if lacks, err := p.Lacks(t.Context(), harness.DN("anna"), "description", "kept"); err != nil || !lacks {
		t.Errorf("removed: lacks %t, %v", lacks, err)
	}
}

// TestLacksWhatCannotBeCompared asks for an attribute whose values have no rule by which they are equal.
func TestLacksWhatCannotBeCompared(t *testing.T) {
	s := harness.NewSlapd(t)
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	const name = "userPKCS12"
	s.Set(harness.DN("anna"), name, "kept")
	p := newProbe(t, s, harness.BaseDN)
	for _, tt := range []struct {
		name  string
		acl   []string
		value []string
		lacks bool
	}{
		{"there", nil, []string{"kept"}, false},
		{"hidden", []string{"to dn.exact=" + harness.DN("anna") + " attrs=" + name + " by * none"}, []string{"kept"}, false},
		{"entry hidden", []string{"to dn.exact=" + harness.DN("anna") + " by * none"}, []string{"kept"}, false},
		{"removed", nil, nil, true},
		{"removed and hidden", []string{"to dn.exact=" + harness.DN("anna") + " attrs=" + name + " by * none"}, nil, false},
	} {
		s.Restart(acl(tt.acl...))
		s.Set(harness.DN("anna"), name, tt.value...)
		if lacks, err := p.Lacks(t.Context(), harness.DN("anna"), name, "kept"); err != nil || lacks != tt.lacks {
			t.Errorf("%s: lacks %t, %v", tt.name, lacks, err)
		}
	}
}

func TestProbeSurvivesARestartOfTheServer(t *testing.T) {
	s := harness.NewSlapd(t)
	p := newProbe(t, s, harness.PeopleDN)
	before, err := p.Position(t.Context())
	if err != nil || len(before) != 1 {
		t.Fatalf("position %q, %v", before, err)
	}
	s.Restart()
	if csns, err := p.Position(t.Context()); err != nil {
		t.Errorf("position %q, %v: a kept connection that has broken was not replaced", csns, err)
	}
	s.Stop()
	if csns, err := p.Position(t.Context()); err == nil {
		t.Errorf("a dead server told its position %q", csns)
	}
	s.Start()
	after, err := p.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "position", before, after)
	s.Set(harness.StaffDN, "description", "x")
	if moved, err := p.Position(t.Context()); err != nil || len(moved) != 1 || moved[0] <= before[0] {
		t.Errorf("position %q after %q, %v", moved, before, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Position(ctx); err == nil {
		t.Error("a cancelled context was not respected")
	}
	if _, err := p.Position(t.Context()); err != nil {
		t.Errorf("after a cancelled context: %v", err)
	}
}

func TestUnreadablePositionIsNone(t *testing.T) {
	s := harness.NewSlapd(t, acl("to attrs=contextCSN by * none"))
	csns, err := newProbe(t, s, harness.BaseDN).Position(t.Context())
	if err != nil || len(csns) != 0 {
		t.Errorf("position %q, %v", csns, err)
	}
}

func TestProbeAsksTheServerOfTheSource(t *testing.T) {
	sandbox := harness.NewSandbox(t)
	first := harness.NewSlapdIn(t, sandbox)
	second := harness.NewSlapdIn(t, sandbox, func(c *harness.SlapdConfig) { c.Name = "second" })
	reached := ""
	config := probe.Config{Server: server(first), Base: harness.BaseDN, URL: func() string { return reached }}
	config.Server.URLs = []string{first.URL(), second.URL()}
	p, err := probe.New(config)
	if err != nil {
		t.Fatal(err)
	}
	uuid := parse(t, second.AddPerson(harness.Person{UID: "anna"}))
	for url, want := range map[string]listener.Verdict{first.URL(): listener.Deleted, second.URL(): listener.InScope} {
		reached = url
		if verdict, _, err := p.Verify(t.Context(), uuid, ""); err != nil || verdict != want {
			t.Errorf("%s: verdict %d, %v; want %d", url, verdict, err, want)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
