package external

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/handlers/external"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// rolesDN is where the entries of these tests lie; mailreg's own handlers do not care for them.
const rolesDN = "ou=roles," + harness.BaseDN

// site is a host whose directory has roles, and whose program writes down what it was told.
type site struct {
	*harness.Host
	t      *testing.T
	daemon *harness.Listener
	seen   int
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, Host: harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoPostfix: true, NoListener: true})}
	s.Slapd.Add(rolesDN, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {"roles"}})
	s.write(filepath.Join(s.Dir, "program"), 0o755, `#!/bin/sh
read -r change
printf '%s\n' "$change" >>`+s.path("seen")+`
[ ! -e `+s.path("status")+` ] || { echo because >&2; exit "$(cat `+s.path("status")+`)"; }
`)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *site) write(path string, mode os.FileMode, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// handler writes a handler's file; more are further lines.
func (s *site) handler(name string, more ...string) {
	s.t.Helper()
	text := "[handler]\nFilter = (objectClass=organizationalRole)\nAttributes = cn description\nUser = root\nCommand = " + s.path("program") + "\n"
	s.write(filepath.Join(s.Root(), external.Dir, name+".ini"), 0o644, text+strings.Join(more, "\n")+"\n")
}

// start starts the daemon, or starts it again.
func (s *site) start() {
	s.t.Helper()
	if s.daemon != nil {
		s.daemon.Stop()
	}
	s.daemon = harness.NewListener(s.t, s.Sandbox)
	s.Wait()
}

func (s *site) role(name, description string) string {
	dn := "cn=" + name + "," + rolesDN
	s.Slapd.Add(dn, map[string][]string{
		"objectClass": {"organizationalRole"}, "cn": {name}, "description": {description}, "telephoneNumber": {"1"},
	})
	return dn
}

// told waits until the listener is through, and returns what the program was told since the last time.
func (s *site) told() []string {
	s.t.Helper()
	s.Wait()
	data, err := os.ReadFile(s.path("seen"))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(data) == 0 {
		lines = nil
	}
	var told []string
	for _, line := range lines[s.seen:] {
		var m external.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		told = append(told, fmt.Sprintf("%s %s %s -> %s", m.Handler, m.Change, about(m.Old), about(m.New)))
	}
	s.seen = len(lines)
	return told
}

func about(side *external.Side) string {
	if side == nil {
		return "nothing"
	}
	name, _, _ := strings.Cut(side.DN, ",")
	return name + " " + strings.Join(side.Attributes["description"], "|")
}

func (s *site) want(what string, want ...string) {
	s.t.Helper()
	if got := s.told(); !slices.Equal(got, want) {
		s.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func TestProgramHearsOfChanges(t *testing.T) {
	s := newSite(t)
	s.handler("crm")
	dn := s.role("a", "one")
	s.start()
	s.want("add", "crm add nothing -> cn=a one")
	s.Slapd.Set(dn, "description", "two")
	s.want("modify", "crm modify cn=a one -> cn=a two")
	s.Slapd.Set(dn, "telephoneNumber", "2")
	s.want("an attribute that it does not read")
	dn = s.Slapd.Rename(dn, "cn=b", "")
	s.want("rename", "crm rename cn=a two -> cn=b two")
	s.Must("listener", "resync", "crm")
	s.want("resync", "crm again cn=b two -> cn=b two")

	s.daemon.Stop()
	s.Slapd.Set(dn, "description", "three")
	s.Slapd.Delete(s.role("c", "short"))
	s.daemon.Start()
	s.want("while the daemon was away", "crm modify cn=b two -> cn=b three")
	s.Slapd.Delete(dn)
	s.want("remove", "crm remove cn=b three -> nothing")
}

func TestChangedFile(t *testing.T) {
	s := newSite(t)
	s.handler("crm")
	s.role("a", "one")
	s.role("b", "two")
	s.start()
	s.told()
	s.handler("crm", "Filter = (&(objectClass=organizationalRole)(description=two))", "Attributes = description telephoneNumber")
	s.start()
	told := s.told()
	slices.Sort(told)
	// The telephone number is new to it.
	want := []string{"crm modify cn=b two -> cn=b two", "crm remove cn=a one -> nothing"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestStatusesDecide(t *testing.T) {
	s := newSite(t)
	s.handler("crm")
	dn := s.role("a", "one")
	s.write(s.path("status"), 0o644, "65")
	s.start()
	s.want("refused", "crm add nothing -> cn=a one")
	var parked []control.Parked
	s.JSON(&parked, "listener", "parked", "--json")
	if len(parked) != 1 || parked[0].Handler != "crm" || !strings.HasSuffix(parked[0].Reason, "program: exit status 65: because") {
		t.Errorf("parked %+v", parked)
	}
	s.write(s.path("status"), 0o644, "75")
	s.Slapd.Set(dn, "description", "two")
	s.daemon.Await("a retry", func() error { return s.retrying() })
	if err := os.Remove(s.path("status")); err != nil {
		t.Fatal(err)
	}
	s.Must("listener", "retry")
	if told := s.told(); len(told) < 2 || told[len(told)-1] != "crm add cn=a one -> cn=a two" && told[len(told)-1] != "crm modify cn=a one -> cn=a two" &&
		told[len(told)-1] != "crm add nothing -> cn=a two" {
		t.Errorf("after a retry: %q", told)
	}
}

// retrying reports whether something is to be tried again.
func (s *site) retrying() error {
	var status control.Status
	s.JSON(&status, "listener", "status", "--json")
	for _, h := range status.Handlers {
		if h.Name == "crm" && h.Retrying == 1 {
			return nil
		}
	}
	return fmt.Errorf("handlers %+v", status.Handlers)
}

func TestBadFilesAreLeftOut(t *testing.T) {
	s := newSite(t)
	s.handler("crm", "Shell = yes")
	s.handler("good")
	s.role("a", "one")
	s.start()
	s.want("the good one", "good add nothing -> cn=a one")
	var status control.Status
	s.JSON(&status, "listener", "status", "--json")
	const want = "handler crm is left out: /etc/mailreg/handlers.d/crm.ini: Shell = yes: there is no such option"
	if !slices.Contains(status.Notes, want) {
		t.Errorf("notes %q", status.Notes)
	}
	s.handler("crm")
	s.start()
	s.want("mended", "crm add nothing -> cn=a one")
}

func TestKilledInTheMiddle(t *testing.T) {
	s := newSite(t)
	s.handler("crm")
	s.write(filepath.Join(s.Dir, "program"), 0o755, "#!/bin/sh\ncat >>"+s.path("seen")+"\n"+
		"[ -e "+s.path("go")+" ] || { echo $$ >"+s.path("pid")+"; mv "+s.path("pid")+" "+s.path("running")+"; exec sleep 60; }\n")
	s.role("a", "one")
	s.daemon = harness.NewListener(t, s.Sandbox)
	s.daemon.Await("a run", func() error { _, err := os.Stat(s.path("running")); return err })
	s.daemon.Kill()
	s.endProgram()
	s.write(s.path("go"), 0o644, "")
	s.daemon.Start()
	s.want("both runs", "crm add nothing -> cn=a one", "crm add nothing -> cn=a one")
}

// endProgram ends the run that the dead daemon has left behind.
func (s *site) endProgram() {
	s.t.Helper()
	text, err := os.ReadFile(s.path("running"))
	if err != nil {
		s.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Errorf("ending the program: %v", err)
	}
}
