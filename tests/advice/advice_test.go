package advice

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/advice"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const configPassword = "config"

// open lets the listener read the server's own configuration, and its administrator change it.
func open(c *harness.SlapdConfig) {
	c.Monitor = true
	c.Overlay = append(c.Overlay, "database config", "rootpw "+configPassword, `access to * by dn.exact="`+harness.ListenerDN+`" read`)
}

func examine(t *testing.T, s *harness.Slapd, change ...func(*advice.Config)) map[string]control.Advice {
	t.Helper()
	cfg := advice.Config{
		Server: connect.Server{
			URLs: []string{s.URL()}, BindDN: harness.ListenerDN, Password: func() (string, error) { return harness.ListenerPassword, nil },
		},
		Base: harness.BaseDN, Filter: "(objectClass=*)",
	}
	for _, c := range change {
		c(&cfg)
	}
	list, err := advice.Examine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]control.Advice{}
	for _, a := range list {
		all[a.Check] = a
	}
	return all
}

// apply does as the advice says.
func apply(t *testing.T, s *harness.Slapd, ldif string) {
	t.Helper()
	cmd := exec.Command(harness.Program(t, "ldapmodify"), "-x", "-H", s.URL(), "-D", "cn=config", "-w", configPassword)
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, ldif)
	}
}

// TestMends finds each fault, and finds it gone once what was said has been done.
func TestMends(t *testing.T) {
	cases := []struct {
		check, level, says string
		fault              func(*harness.SlapdConfig)
	}{
		{"sessionlog", "warning", "no session log", func(c *harness.SlapdConfig) { c.SessionLog = -1 }},
		{"checkpoint", "warning", "does not write its position", func(c *harness.SlapdConfig) { c.Checkpoint = "none" }},
		{"index", "warning", "no index of entryUUID and entryCSN", func(c *harness.SlapdConfig) { c.Index = "objectClass,uid" }},
		{"index", "warning", "no index of entryCSN:", func(c *harness.SlapdConfig) { c.Index = "objectClass,entryUUID" }},
		{"limits", "problem", "size limit for " + harness.ListenerDN + " ends a search after 3 entries", func(c *harness.SlapdConfig) { c.Limits = "size=3" }},
		{"rights", "problem", "may not read or search entryUUID, entryCSN, contextCSN", func(c *harness.SlapdConfig) {
			c.ACL = []string{
				"to attrs=userPassword by anonymous auth by * none",
				"to attrs=entryUUID,entryCSN,contextCSN by * none",
				"to * by users read by anonymous auth",
			}
		}},
		{"rights", "problem", "may not read or search contextCSN", func(c *harness.SlapdConfig) {
			c.ACL = []string{"to attrs=contextCSN by * none", "to * by users read by anonymous auth"}
		}},
	}
	for _, c := range cases {
		t.Run(c.check+" "+c.says, func(t *testing.T) {
			s := harness.NewSlapd(t, open, c.fault)
			before := examine(t, s)[c.check]
			if before.Level != c.level || !strings.Contains(before.Message, c.says) || before.LDIF == "" {
				t.Fatalf("%+v", before)
			}
			apply(t, s, before.LDIF)
			for check, a := range examine(t, s) {
				if a.Level != "ok" {
					t.Errorf("after what was said has been done: %s %+v", check, a)
				}
			}
		})
	}
}

// TestMendsMissingOverlay has syncprov on another database than ours.
func TestMendsMissingOverlay(t *testing.T) {
	s := harness.NewSlapd(t, open, func(c *harness.SlapdConfig) {
		dir := t.TempDir()
		c.Database = []string{"database mdb", `suffix "dc=other"`, "directory " + filepath.ToSlash(dir)}
	})
	before := examine(t, s)["overlay"]
	if before.Level != "problem" || before.LDIF == "" {
		t.Fatalf("%+v", before)
	}
	apply(t, s, before.LDIF)
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"}) // the first change makes a position
	for check, a := range examine(t, s) {
		if a.Level != "ok" {
			t.Errorf("%s %+v", check, a)
		}
	}
}

// TestSaysWhatItDoesNotKnow holds that nothing is made up about a server whose configuration is closed.
func TestSaysWhatItDoesNotKnow(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.SessionLog, c.Checkpoint = -1, "none" })
	all := examine(t, s)
	for check, level := range map[string]string{
		"kind": "ok", "rights": "ok", "limits": "ok", "clock": "unknown", "sessionlog": "unknown", "checkpoint": "unknown", "index": "ok",
	} {
		if a := all[check]; a.Level != level || (level == "unknown") != strings.HasPrefix(a.Message, "could not be looked at: ") {
			t.Errorf("%s: %+v, want %s", check, a, level)
		}
	}
}

func TestClocks(t *testing.T) {
	s := harness.NewSlapd(t, open)
	for ahead, says := range map[time.Duration]string{
		-10 * time.Minute: "ahead of ours", 10 * time.Minute: "behind ours", 0: "the clocks agree",
	} {
		a := examine(t, s, func(c *advice.Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } })["clock"]
		if !strings.Contains(a.Message, says) {
			t.Errorf("%s: %+v", ahead, a)
		}
	}
	closed := harness.NewSlapd(t)
	a := examine(t, closed, func(c *advice.Config) { c.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) } })["clock"]
	if a.Level != "warning" || !strings.Contains(a.Message, "ahead of ours") {
		t.Errorf("changes of the future: %+v", a)
	}
}

// TestMeasuresTheIndex tells a missing index by what it costs where the configuration is closed.
func TestMeasuresTheIndex(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
		c.Index = "objectClass"
		var b strings.Builder
		for i := range 30000 {
			b.WriteString(person(i))
		}
		c.LDIF = b.String()
	})
	a := examine(t, s)["index"]
	if a.Level != "warning" || !strings.Contains(a.LDIF, "entryUUID,entryCSN eq") || !strings.HasPrefix(a.LDIF, "# ") {
		t.Errorf("%+v", a)
	}
}

func person(i int) string {
	n := strconv.Itoa(i)
	return "dn: uid=p" + n + ",ou=people," + harness.BaseDN + "\nobjectClass: account\nuid: p" + n + "\n\n"
}
