package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// DS389 is a 389 Directory Server with the test directory, and the directory as its administrator writes it.
type DS389 struct {
	*Directory
	Config DS389Config
	// Dir is its folder; the server is told to keep everything below it.
	Dir  string
	Port int

	t       T
	process *Process
}

// DS389Config says how a directory differs from the usual one; its zero value is usable. A restart may change it.
type DS389Config struct {
	// NoSync leaves content synchronisation and the changelog that it needs switched off; then the server serves
	// persistent searches only.
	NoSync bool
}

// ListenerACI is what the account of the listener needs on a 389-ds: operational attributes are to be named.
const ListenerACI = `aci: (targetattr != "userPassword")(version 3.0; acl "listener"; allow (read, search, compare)` +
	` userdn = "ldap:///` + ListenerDN + `";)` + "\n" +
	`aci: (targetattr = "nsUniqueId || entryDN || createTimestamp || modifyTimestamp")(version 3.0; acl "listener sees what identifies";` +
	` allow (read, search, compare) userdn = "ldap:///` + ListenerDN + `";)` + "\n"

// NewDS389 makes a server in a sandbox of its own, starts it, and loads BaseLDIF.
func NewDS389(t T, config DS389Config) *DS389 {
	t.Helper()
	return NewDS389In(t, NewSandbox(t), config)
}

// NewDS389In makes a server in a sandbox. It needs neither dscreate, which wants systemd and fifteen seconds, nor a folder
// in /etc/dirsrv.
func NewDS389In(t T, sandbox *Sandbox, config DS389Config) *DS389 {
	t.Helper()
	s := &DS389{
		Directory: &Directory{t: t, identity: schema.NSUniqueID}, Config: config, Dir: filepath.Join(sandbox.Dir, "ds389"),
		Port: sandbox.Port(), t: t,
	}
	err := os.MkdirAll(filepath.Join(s.etc(), "schema"), 0o755)
	for _, name := range []string{"db", "log", "lock", "run", "ldif", "bak", "tmp"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(s.Dir, name), 0o755))
	}
	const collations = "slapd-collations.conf"
	words, readErr := os.ReadFile("/usr/share/dirsrv/config/" + collations)
	if errors.Is(readErr, os.ErrNotExist) {
		words, readErr = os.ReadFile("/etc/dirsrv/config/" + collations)
	}
	err = errors.Join(err, readErr,
		os.WriteFile(filepath.Join(s.etc(), collations), words, 0o644),
		os.WriteFile(filepath.Join(s.etc(), "schema", "98mailreg.ldif"), []byte(schema.DS389Schema), 0o644),
		os.WriteFile(filepath.Join(s.etc(), "schema", "99user.ldif"), []byte("dn: cn=schema\nobjectClass: top\nobjectClass: ldapSubentry\nobjectClass: subschema\ncn: schema\n"), 0o644),
		os.WriteFile(s.conf(), []byte(s.render()), 0o600),
		s.chown(),
	)
	if err != nil {
		t.Fatalf("making a 389-ds: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove("/dev/shm/sem." + filepath.Base(s.etc()) + ".stats") }) // left by a server that is killed
	s.Start()
	s.load()
	return s
}

func (s *DS389) conf() string { return filepath.Join(s.etc(), "dse.ldif") }

// URL is its address on 127.0.0.1.
func (s *DS389) URL() string { return "ldap://127.0.0.1:" + strconv.Itoa(s.Port) }

// etc is the folder of its configuration. The server makes a semaphore of the last part, so that two of one name, or one that
// was killed, would be in each other's way.
func (s *DS389) etc() string {
	return filepath.Join(s.Dir, "etc-"+filepath.Base(filepath.Dir(s.Dir)))
}

// lib is the database that this version uses when nobody asks for another one.
func (s *DS389) lib() string {
	s.t.Helper()
	out, err := exec.Command(Program(s.t, "ns-slapd"), "-v").CombinedOutput() // its exit code is 1 when all is well
	_, version, found := strings.Cut(string(out), "389-Directory/")
	if !found {
		s.t.Fatalf("ns-slapd -v: %v\n%s", err, out)
	}
	if strings.HasPrefix(version, "2.") {
		return "bdb"
	}
	return "mdb"
}

// chown gives everything to the account that the server changes to.
func (s *DS389) chown() error {
	account, err := user.Lookup("dirsrv")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	return filepath.Walk(s.Dir, func(path string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(path, uid, gid))
	})
}

// render returns dse.ldif, the server's whole configuration: the distribution's template filled in, and our backend.
func (s *DS389) render() string {
	s.t.Helper()
	template, err := os.ReadFile("/usr/share/dirsrv/data/template-dse.ldif")
	if err != nil {
		s.t.Fatalf("389-ds-base is not installed? %v", err)
	}
	dir := func(name string) string { return filepath.Join(s.Dir, name) }
	text := strings.NewReplacer(
		"%schema_dir%", filepath.Join(s.etc(), "schema"), "%lock_dir%", dir("lock"), "%tmp_dir%", dir("tmp"), "%cert_dir%", s.etc(),
		"%ldif_dir%", dir("ldif"), "%bak_dir%", dir("bak"), "%run_dir%", dir("run"), "%inst_dir%", s.etc(), "%log_dir%", dir("log"),
		"%fqdn%", "localhost", "%ds_port%", fmt.Sprintf("%d\nnsslapd-listenhost: 127.0.0.1\npasswordStorageScheme: SSHA", s.Port), "%ds_user%", "dirsrv",
		"%rootdn%", AdminDN, "%ds_passwd%", "{CLEAR}"+AdminPassword, "%ldapi_enabled%", "off", "%ldapi%", dir("run/ldapi"),
		"%ldapi_autobind%", "off", "%config_dir%", s.etc(), "%ds_suffix%", BaseDN, "%db_dir%", dir("db"), "%db_home_dir%", dir("db"),
		"%db_lib%", s.lib(),
	).Replace(string(template))
	if !s.Config.NoSync {
		for _, plugin := range []string{"Content Synchronization", "Retro Changelog Plugin"} {
			head, rest, found := strings.Cut(text, "\ncn: "+plugin+"\n")
			if !found {
				s.t.Fatalf("the template of 389-ds has no plugin %q", plugin)
			}
			text = head + "\ncn: " + plugin + "\n" + strings.Replace(rest, "nsslapd-pluginenabled: off", "nsslapd-pluginEnabled: on", 1)
		}
		text = strings.Replace(text, "\ncn: Retro Changelog Plugin\n",
			"\ncn: Retro Changelog Plugin\nnsslapd-attribute: nsuniqueid:targetUniqueId\n", 1)
	}
	return strings.TrimRight(text, "\n") + `

dn: cn=bdb,cn=config,cn=ldbm database,cn=plugins,cn=config
objectClass: extensibleObject
cn: bdb
nsslapd-cache-autosize: 0
nsslapd-dbcachesize: 4194304

dn: cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userroot
nsslapd-suffix: ` + BaseDN + `
nsslapd-directory: ` + dir("db/userroot") + `
nsslapd-cachememsize: 20971520
nsslapd-dncachememsize: 10485760

dn: cn="` + BaseDN + `",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: ` + BaseDN + `
nsslapd-state: backend
nsslapd-backend: userroot

`
}

// load adds BaseLDIF, with what the listener may do and no limits for it.
func (s *DS389) load() {
	s.t.Helper()
	ldif := strings.Replace(BaseLDIF, "o: Example\n", "o: Example\n"+ListenerACI, 1)
	ldif = strings.Replace(ldif, "uid: listener\n", "uid: listener\nnsSizeLimit: -1\nnsTimeLimit: -1\nnsLookThroughLimit: -1\n", 1)
	s.LDIF(ldif)
}

// LDIF applies LDIF records as the administrator: entries to add, and change records.
func (s *DS389) LDIF(text string) {
	s.t.Helper()
	cmd := exec.Command(Program(s.t, "ldapmodify"), "-a", "-x", "-H", s.URL(), "-D", AdminDN, "-w", AdminPassword)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("ldapmodify: %v\n%s", err, out)
	}
}

// Start starts the server, also again after Stop or Kill, and returns when it answers.
func (s *DS389) Start() {
	s.t.Helper()
	cmd := exec.Command(Program(s.t, "ns-slapd"), "-D", s.etc(), "-i", filepath.Join(s.Dir, "run", "pid"), "-d", "0")
	s.process = start(s.t, "ns-slapd", filepath.Join(filepath.Dir(s.Dir), "log", "ds389.log"), cmd)
	s.process.await(func() error { return s.connect(s.URL(), AdminDN, AdminPassword) })
	s.t.Cleanup(s.disconnect)
}

// Stop ends the server in good order.
func (s *DS389) Stop() {
	s.t.Helper()
	s.disconnect()
	s.process.Stop()
}

// Kill ends the server by SIGKILL.
func (s *DS389) Kill() {
	s.process.Kill()
	s.disconnect()
}

// Restart stops the server and starts it on the same data.
func (s *DS389) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}
