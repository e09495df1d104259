package dirsync

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func newProbe(t *testing.T, s *harness.Samba, dn string) *probe.Probe {
	t.Helper()
	profile, err := schema.NewProfile("ad", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := probe.New(probe.Config{
		Server: server(s, dn), Base: harness.PeopleDN, Profile: profile, Identity: func() schema.Identity { return schema.ObjectGUID },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// sid returns the printed form of an account's security identifier.
func sid(t *testing.T, s *harness.Samba, dn string) string {
	t.Helper()
	found, err := s.Conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"objectSid"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	raw := found.Entries[0].GetRawAttributeValue("objectSid")
	text := fmt.Sprintf("S-%d-%d", raw[0], raw[7])
	for rest := raw[8:]; len(rest) >= 4; rest = rest[4:] {
		text += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(rest))
	}
	return text
}

func TestProbe(t *testing.T) {
	for name, dn := range readers {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			p := newProbe(t, s, dn)
			verify := func(what, uuid, dn string, want listener.Verdict) *schema.Entry {
				t.Helper()
				id, err := schema.ParseUUID(uuid)
				if err != nil {
					t.Fatal(err)
				}
				got, entry, err := p.Verify(t.Context(), id, dn)
				if err != nil || got != want {
					t.Errorf("%s: %s, %v; want %s", what, got, err, want)
				}
				return entry
			}
			anna, bert, carl := s.UUID(harness.SambaDN("anna")), s.UUID(harness.SambaDN("bert")), s.UUID(harness.SambaDN("carl"))
			if e := verify("living", anna, harness.SambaDN("anna"), listener.InScope); !schema.IsMailbox(e) || e.First("uid") != "anna" {
				t.Errorf("a living entry is %+v", e)
			}
			s.Set(harness.SambaDN("bert"), "mail")
			if e := verify("without address", bert, harness.SambaDN("bert"), listener.InScope); schema.IsMailbox(e) {
				t.Errorf("an entry without address is %+v", e)
			}
			if lacks, err := p.Lacks(t.Context(), harness.SambaDN("bert"), "mailPrimaryAddress", "bert@example.test"); err != nil || !lacks {
				t.Errorf("a lost address: %v, %v", lacks, err)
			}
			if lacks, err := p.Lacks(t.Context(), harness.SambaDN("carl"), "mailPrimaryAddress", "carl@example.test"); err != nil || lacks {
				t.Errorf("an address that is there: %v, %v", lacks, err)
			}
			s.Rename(harness.SambaDN("carl"), "CN=carl", harness.StaffDN)
			verify("moved out of the base", carl, harness.SambaDN("carl"), listener.OutOfScope)
			s.Delete(harness.SambaDN("bert"))
			verify("deleted", bert, harness.SambaDN("bert"), listener.Deleted)
			s.AddUser("bert", "bert@example.test")
			verify("deleted and added again", bert, harness.SambaDN("bert"), listener.Deleted)
			if position, err := p.Position(t.Context()); err != nil || len(position) > 0 {
				t.Errorf("position %v, %v", position, err)
			}

			trustee := sid(t, s, dn)
			s.ACL(harness.SambaDN("anna"), "(D;;RP;;;"+trustee+")")
			verify("unreadable", anna, harness.SambaDN("anna"), listener.OutOfScope)
			dora := s.UUID(harness.SambaDN("dora"))
			s.ACL(harness.PeopleDN, "(D;;LC;;;"+trustee+")")
			verify("hidden with all that is beside it", dora, harness.SambaDN("dora"), listener.OutOfScope)
			s.Delete(harness.SambaDN("dora"))
			want := listener.Deleted
			if dn == harness.SambaListenerDN {
				want = listener.OutOfScope // it cannot be told
			}
			verify("deleted among what is hidden", dora, harness.SambaDN("dora"), want)
		})
	}
}
