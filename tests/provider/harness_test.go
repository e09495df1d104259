package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestSlapdIsUpSoonAndLeavesNothing(t *testing.T) {
	var dir string
	t.Run("run", func(t *testing.T) {
		begin := time.Now()
		s := harness.NewSlapd(t)
		took := time.Since(begin)
		t.Logf("up after %s", took)
		if took > 2*time.Second {
			t.Errorf("slapd took %s to come up", took)
		}
		dir = s.Dir
		uuid := s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
		s.AddDomain(harness.MailDomain)
		dn := s.Rename(harness.DN("anna"), "uid=anna", harness.StaffDN)
		s.Kill()
		s.Start()
		s.Restart(func(c *harness.SlapdConfig) { c.SessionLog, c.Monitor = -1, true })
		if got := s.UUID(dn); got != uuid {
			t.Errorf("after a restart the UUID is %s, was %s", got, uuid)
		}
		s.LDIF("dn: " + dn + "\nchangetype: delete\n")
		if got := s.Mailboxes(); len(got) != 0 {
			t.Errorf("mailboxes %v after the only user was deleted", got)
		}
	})
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is left behind (%v)", dir, err)
	}
}

func TestOpenLDAPLoadsTheSchema(t *testing.T) {
	dir := t.TempDir()
	write := func(t *testing.T, name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(t *testing.T, program string, args ...string) {
		t.Helper()
		if out, err := exec.Command(harness.Program(t, program), args...).CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
		}
	}
	t.Run("slapd.conf", func(t *testing.T) {
		file := write(t, "mailreg.schema", schema.OpenLDAPSchema)
		run(t, "slaptest", "-u", "-f", write(t, "slapd.conf", "include /etc/ldap/schema/core.schema\ninclude "+file+"\n"))
	})
	t.Run("cn=config", func(t *testing.T) {
		core, err := os.ReadFile("/etc/ldap/schema/core.ldif")
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, "config.ldif", "dn: cn=config\nobjectClass: olcGlobal\ncn: config\n\n"+
			"dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n"+
			string(core)+"\n"+schema.OpenLDAPSchemaLDIF)
		config := filepath.Join(dir, "slapd.d")
		if err := os.Mkdir(config, 0o700); err != nil {
			t.Fatal(err)
		}
		run(t, "slapadd", "-n0", "-F", config, "-l", file)
		run(t, "slaptest", "-u", "-F", config)
	})
}
