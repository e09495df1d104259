package profile_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// words are what a directory calls things.
type words struct {
	profile string
	// user, domain and group are the object classes of such entries.
	user, domain, group []string
	// mail, alias, home and forward are attributes of users; name that of domains, groupMail that of groups, member their
	// members.
	mail, alias, home, forward, name, groupMail, member string
	slapd                                               func(*harness.SlapdConfig)
}

// kinds are a UCS, and a directory with nothing but the schema that OpenLDAP brings.
func kinds() []words {
	return []words{
		{
			profile: "ucs", user: []string{"inetOrgPerson", "univentionMail"}, domain: []string{"univentionMailDomainname"},
			group: []string{"posixGroup", "extensibleObject"},
			mail:  "mailPrimaryAddress", alias: "mailAlternativeAddress", home: "univentionMailHomeServer", forward: "mailForwardAddress",
			name: "cn", groupMail: "mailPrimaryAddress", member: "uniqueMember", slapd: func(*harness.SlapdConfig) {},
		},
		{
			profile: "inetorgperson", user: []string{"inetOrgPerson", "inetLocalMailRecipient"},
			domain: []string{"organizationalRole", "domainRelatedObject"}, group: []string{"groupOfNames", "inetLocalMailRecipient"},
			mail: "mail", alias: "mailLocalAddress", home: "mailHost", forward: "mailRoutingAddress",
			name: "associatedDomain", groupMail: "mailLocalAddress", member: "member",
			slapd: func(c *harness.SlapdConfig) {
				c.Schema = func(string) string { return "" }
				c.Global = []string{"include " + filepath.Join("/etc/ldap/schema", "misc.schema")}
				c.Index = "objectClass,entryUUID,entryCSN,uid,cn,mail,mailLocalAddress"
			},
		},
	}
}

// TestLife: a user appears, gets mail, reads it, has an alias and a group, is renamed, moves to another server and back,
// forwards, and goes.
func TestLife(t *testing.T) {
	for _, w := range kinds() {
		t.Run(w.profile, func(t *testing.T) {
			t.Parallel()
			h := harness.NewHost(t, harness.HostConfig{
				Set: []string{"ldap/profile=" + w.profile, "mail/dovecot/mailbox/delete=yes"}, Slapd: w.slapd,
			})
			s := story{Host: h, t: t, words: w}
			s.arrive()
			s.group()
			s.rename()
			s.travel()
			s.leave()
		})
	}
}

type story struct {
	*harness.Host
	words
	t *testing.T
}

func (s *story) add(uid string, more map[string][]string) {
	s.t.Helper()
	attrs := map[string][]string{"objectClass": s.user, "uid": {uid}, "cn": {uid}, "sn": {uid}, "userPassword": {harness.Password}}
	for name, values := range more {
		attrs[name] = values
	}
	s.Slapd.Add(harness.DN(uid), attrs)
}

func (s *story) send(to, subject string) {
	s.t.Helper()
	if err := s.Postfix.Send("sender@client.test", to, subject); err != nil {
		s.t.Errorf("mail %s to %s: %v", subject, to, err)
	}
}

// reads demands that a user, by address or by name, finds exactly these messages.
func (s *story) reads(user string, subjects ...string) {
	s.t.Helper()
	s.Dovecot.Await(user, harness.Password, subjects[len(subjects)-1])
	got := s.Dovecot.Subjects(user, harness.Password)
	slices.Sort(got)
	slices.Sort(subjects)
	if !slices.Equal(got, subjects) {
		s.t.Errorf("%s has %q, want %q", user, got, subjects)
	}
}

// refused demands that Postfix takes no mail for an address.
func (s *story) refused(address string) {
	s.t.Helper()
	if err := s.Postfix.Accepts(address); err == nil {
		s.t.Errorf("mail for %s is taken", address)
	}
}

func (s *story) arrive() {
	s.Slapd.Add("cn="+harness.MailDomain+","+harness.DomainsDN, map[string][]string{
		"objectClass": s.domain, "cn": {harness.MailDomain}, s.name: {harness.MailDomain},
	})
	s.add("anna", map[string][]string{s.mail: {"Anna@Example.test"}, s.alias: {"anna.alias@example.test"}, s.home: {harness.HostName}})
	s.add("bert", map[string][]string{s.mail: {"bert@example.test"}})
	s.Wait()
	s.send("anna@example.test", "one")
	s.send("anna.alias@example.test", "two")
	s.reads("anna@example.test", "one", "two")
	s.reads("anna", "one", "two")
	s.refused("nobody@example.test")
}

// group: a group in a group.
func (s *story) group() {
	team, all := "cn=team,"+harness.StaffDN, "cn=all,"+harness.StaffDN
	add := func(dn, cn string, attrs map[string][]string) {
		attrs["objectClass"], attrs["cn"] = s.words.group, []string{cn}
		if s.profile == "ucs" {
			attrs["gidNumber"] = []string{"5001"}
		}
		s.Slapd.Add(dn, attrs)
	}
	add(team, "team", map[string][]string{s.member: {harness.DN("anna")}})
	add(all, "all", map[string][]string{s.member: {team, harness.DN("bert")}, s.groupMail: {"all@example.test"}})
	s.Wait()
	s.send("all@example.test", "three")
	s.reads("anna@example.test", "one", "two", "three")
	s.reads("bert@example.test", "three")
}

// rename gives the user another address; the mail comes along, and the old address is nobody's.
func (s *story) rename() {
	s.Slapd.Set(harness.DN("anna"), s.mail, "anna.new@example.test")
	s.Wait()
	s.refused("anna@example.test")
	s.send("anna.new@example.test", "four")
	s.send("anna.alias@example.test", "five")
	s.Dovecot.Await("anna.new@example.test", harness.Password, "four")
	s.reads("anna.new@example.test", "one", "two", "three", "four", "five")
}

// travel: mail of a user with another home server goes there, and the mailbox is not served here any more.
func (s *story) travel() {
	s.asks("ldap.transport", "bert@example.test", "")
	s.Slapd.Set(harness.DN("bert"), s.home, "Mail2.example.test")
	s.Wait()
	s.Must("auth", "flush")
	s.asks("ldap.transport", "bert@example.test", "smtp:[Mail2.example.test]")
	if _, err := s.Dovecot.Messages("bert@example.test", harness.Password, "INBOX"); err == nil {
		s.t.Error("bert reads mail here, with another home server")
	}
	s.Slapd.Set(harness.DN("bert"), s.home, strings.ToUpper(harness.HostName))
	s.Wait()
	s.Must("auth", "flush")
	s.send("bert@example.test", "six")
	s.Dovecot.Await("bert@example.test", harness.Password, "six")
}

// asks demands what a lookup of Postfix in the directory finds.
func (s *story) asks(table, key, want string) {
	s.t.Helper()
	dir := filepath.Join(s.Root(), "etc/postfix")
	out, err := exec.CommandContext(s.t.Context(), harness.Program(s.t, "postmap"), "-c", dir, "-q", key, "ldap:"+filepath.Join(dir, table)).CombinedOutput()
	if got := strings.TrimSpace(string(out)); got != want || (err == nil) != (want != "") {
		s.t.Errorf("%s of %s is %q (%v), want %q", table, key, got, err, want)
	}
}

// leave has mail forwarded, and then the user goes, with all addresses and the store.
func (s *story) leave() {
	s.Slapd.Set(harness.DN("anna"), s.forward, "bert@example.test")
	s.asks("ldap.external_aliases", "anna.new@example.test", "bert@example.test")
	s.Slapd.Delete(harness.DN("anna"))
	s.Wait()
	s.refused("anna.new@example.test")
	s.refused("anna.alias@example.test")
	s.refused("team@example.test")
	if _, err := s.Dovecot.Messages("anna.new@example.test", harness.Password, "INBOX"); err == nil {
		s.t.Error("anna logs in, and is gone")
	}
	if trash := s.Must("mailbox", "trash", "list"); !strings.Contains(trash, "anna.new@example.test") {
		s.t.Errorf("the trash has %s", trash)
	}
}
