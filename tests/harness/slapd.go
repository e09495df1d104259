package harness

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// Slapd is an OpenLDAP server with the test directory, and the directory as its administrator writes it.
type Slapd struct {
	*Directory
	Config SlapdConfig
	// Dir is its folder, with slapd.conf and db.
	Dir string
	// Port and TLSPort serve ldap:// and ldaps:// on 127.0.0.1, Socket serves ldapi://.
	Port, TLSPort int
	Socket        string
	// CA has signed the server's certificate, which is for localhost and 127.0.0.1.
	CA *CA

	t       T
	log     string
	process *Process
	// hasCyrus says that it has the administrator of Cyrus.
	hasCyrus bool
}

// NewSlapd starts a directory in a sandbox of its own. Each change edits the configuration.
func NewSlapd(t T, changes ...func(*SlapdConfig)) *Slapd {
	t.Helper()
	return NewSlapdIn(t, NewSandbox(t), changes...)
}

// NewSlapdIn makes a directory in a sandbox, loads BaseLDIF and the configured LDIF, and starts it.
func NewSlapdIn(t T, sandbox *Sandbox, changes ...func(*SlapdConfig)) *Slapd {
	t.Helper()
	var config SlapdConfig
	for _, change := range changes {
		change(&config)
	}
	name := or(config.Name, "slapd")
	dir := filepath.Join(sandbox.Dir, name)
	s := &Slapd{
		Directory: &Directory{t: t}, Config: config, Dir: dir, CA: sandbox.CA(), t: t,
		Port: sandbox.Port(), TLSPort: sandbox.Port(), Socket: filepath.Join(dir, "ldapi"),
		log: filepath.Join(sandbox.Dir, "log", name+".log"),
	}
	ours := schema.OpenLDAPSchema
	if config.Schema != nil {
		ours = config.Schema(ours)
	}
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "db"), 0o700),
		os.WriteFile(filepath.Join(dir, "mailreg.schema"), []byte(ours), 0o644),
	)
	if err != nil {
		t.Fatalf("making %s: %v", name, err)
	}
	s.Load(BaseLDIF + config.LDIF)
	s.Start()
	return s
}

// conf writes slapd.conf and returns its path.
func (s *Slapd) conf() string {
	s.t.Helper()
	path := filepath.Join(s.Dir, "slapd.conf")
	if err := os.WriteFile(path, []byte(s.render()), 0o600); err != nil {
		s.t.Fatalf("writing %s: %v", path, err)
	}
	return path
}

// Load adds entries by slapadd, 25000 a second; the server must not run.
func (s *Slapd) Load(ldif string) {
	s.t.Helper()
	// -w keeps contextCSN in step, as if the entries had been written to a running server.
	s.run(ldif, "slapadd", "-q", "-w", "-f", s.conf())
}

// LDIF applies LDIF records as the administrator: entries to add, and change records.
func (s *Slapd) LDIF(text string) {
	s.t.Helper()
	s.run(text, "ldapmodify", "-a", "-x", "-H", s.URL(), "-D", AdminDN, "-w", AdminPassword)
}

// run runs a program to its end with text on its standard input.
func (s *Slapd) run(stdin, program string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(Program(s.t, program), args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Start starts the server, also again after Stop or Kill, and returns when it answers.
func (s *Slapd) Start() {
	s.t.Helper()
	urls := strings.Join([]string{s.URL(), s.URLS(), s.URLI()}, " ")
	args := []string{"-f", s.conf(), "-d", or(s.Config.LogLevel, "none"), "-h", urls}
	s.process = start(s.t, "slapd", s.log, exec.Command(Program(s.t, "slapd"), args...))
	s.process.await(func() error { return s.connect(s.URL(), AdminDN, AdminPassword) })
	s.t.Cleanup(s.disconnect)
}

// Process is the running server, or the one that ran last.
func (s *Slapd) Process() *Process { return s.process }

// Log returns the path of its log.
func (s *Slapd) Log() string { return s.log }

// Stop ends the server in good order.
func (s *Slapd) Stop() {
	s.t.Helper()
	s.disconnect()
	s.process.Stop()
}

// Kill ends the server by SIGKILL.
func (s *Slapd) Kill() {
	s.process.Kill()
	s.disconnect()
}

// Restart stops the server, applies changes to its configuration and starts it on the same data.
func (s *Slapd) Restart(changes ...func(*SlapdConfig)) {
	s.t.Helper()
	s.Stop()
	for _, change := range changes {
		change(&s.Config)
	}
	s.Start()
}

// Reset drops all data and loads BaseLDIF and ldif: a directory made anew, with new entryUUIDs. The server must not run.
func (s *Slapd) Reset(ldif string) {
	s.t.Helper()
	db := filepath.Join(s.Dir, "db")
	if err := errors.Join(os.RemoveAll(db), os.Mkdir(db, 0o700)); err != nil {
		s.t.Fatalf("resetting slapd: %v", err)
	}
	s.Load(BaseLDIF + ldif)
}

// Renew loads the directory's own dump anew, without operational attributes: every entry gets another entryUUID.
func (s *Slapd) Renew() {
	s.t.Helper()
	s.Stop()
	dump, err := exec.Command(Program(s.t, "slapcat"), "-o", "ldif-wrap=no", "-f", s.conf()).Output()
	if err != nil {
		s.t.Fatalf("dumping the directory: %v", err)
	}
	operational := []string{
		"structuralObjectClass", "entryUUID", "entryCSN", "contextCSN", "creatorsName", "createTimestamp", "modifiersName", "modifyTimestamp",
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(dump), "\n"), func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.Contains(operational, name)
	})
	db := filepath.Join(s.Dir, "db")
	if err := errors.Join(os.RemoveAll(db), os.Mkdir(db, 0o700)); err != nil {
		s.t.Fatalf("renewing slapd: %v", err)
	}
	s.Load(strings.Join(lines, ""))
	s.Start()
}
