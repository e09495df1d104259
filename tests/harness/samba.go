package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mailreg/mailreg/schema"
)

// The accounts of the Active Directory, all with SambaPassword.
const (
	SambaAdminDN = "CN=Administrator,CN=Users," + BaseDN
	// SambaReaderDN may read what is deleted, SambaListenerDN is a user like any other.
	SambaReaderDN   = "CN=reader,CN=Users," + BaseDN
	SambaListenerDN = "CN=listener,CN=Users," + BaseDN
	SambaPassword   = "Geheim-12345"
)

// Samba is an Active Directory domain controller with nothing but its directory, and that as its administrator writes it.
// It has no port: it is served on a socket only.
type Samba struct {
	*Directory
	// Dir is its folder.
	Dir string

	t       T
	log     string
	process *Process
}

// noSync spares Samba's database its many fsyncs. A power cut may lose writes, a killed server loses none.
const noSync = "TDB_NO_FSYNC=1"

// provisionLines make a domain, its two accounts, and nothing that another program needs. Each is a call of samba-tool.
const provisionLines = `domain provision --targetdir=%[1]s --realm=EXAMPLE.TEST --domain=EXAMPLE --server-role=dc --dns-backend=NONE` +
	` --adminpass=` + SambaPassword + ` --host-name=dc1 --host-ip=127.0.0.1 --option=posix:eadb=%[1]s/private/eadb.tdb --option=vfs@objects=xattr_tdb
user create listener ` + SambaPassword + `
user create reader ` + SambaPassword + `
group addmembers Administrators reader`

// NewSamba starts a domain controller in a sandbox. Its domain is provisioned once for each version of Samba and kept
// below build.
func NewSamba(t T, sandbox *Sandbox) *Samba {
	t.Helper()
	s := &Samba{
		Directory: &Directory{t: t, identity: schema.ObjectGUID}, t: t,
		Dir: filepath.Join(sandbox.Dir, "samba"), log: filepath.Join(sandbox.Dir, "log/samba.log"),
	}
	if out, err := exec.Command("cp", "-a", provisioned(t), s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("copying the domain: %v\n%s", err, out)
	}
	s.conf(s.Dir)
	s.Start()
	for _, ou := range []string{PeopleDN, StaffDN} {
		s.Add(ou, map[string][]string{"objectClass": {"organizationalUnit"}})
	}
	return s
}

// provisioned returns the folder of a fresh domain, making it if there is none for this version.
func provisioned(t T) string {
	t.Helper()
	version, err := exec.Command(Program(t, "samba"), "--version").Output()
	if err != nil {
		t.Fatalf("samba --version: %v", err)
	}
	sum := sha256.Sum256(append(version, provisionLines...))
	dir, err := filepath.Abs(filepath.Join("../../build/samba", hex.EncodeToString(sum[:8])))
	if err != nil {
		t.Fatalf("provisioning a domain: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatalf("provisioning a domain: %v", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		t.Fatalf("provisioning a domain: %v", err)
	}
	defer os.RemoveAll(scratch) // there is nothing left in it when all went well
	s := &Samba{t: t}
	conf := s.conf(scratch)
	for line := range strings.Lines(fmt.Sprintf(provisionLines, scratch)) {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "@", " ")
		}
		s.tool(append(args, "--configfile="+conf)...)
	}
	if err := os.Rename(scratch, dir); err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		t.Fatalf("provisioning a domain: %v", err)
	}
	return dir
}

// conf writes the smb.conf of a domain in a folder and returns its path. Everything that Samba would look for elsewhere is
// in that folder.
func (s *Samba) conf(dir string) string {
	s.t.Helper()
	lines := []string{
		"[global]", "netbios name = DC1", "realm = EXAMPLE.TEST", "workgroup = EXAMPLE",
		"server role = active directory domain controller", "server services = ldap", "interfaces = lo",
		"bind interfaces only = yes", "dsdb:schema update allowed = yes", "tls enabled = no", "ldap server require strong auth = no",
	}
	for name, place := range map[string]string{
		"private dir": "private", "state directory": "state", "cache directory": "cache", "lock directory": "lock",
		"pid directory": "run", "ncalrpc dir": "ncalrpc", "binddns dir": "bind-dns", "winbindd socket directory": "winbindd",
		"ntp signd socket directory": "ntp_signd",
	} {
		lines = append(lines, name+" = "+filepath.Join(dir, place))
	}
	for _, place := range []string{"cache", "lock", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, place), 0o755); err != nil {
			s.t.Fatalf("making %s: %v", dir, err)
		}
	}
	sysvol := filepath.Join(dir, "state/sysvol")
	lines = append(lines, "[sysvol]", "path = "+sysvol, "[netlogon]", "path = "+sysvol+"/example.test/scripts", "")
	path := filepath.Join(dir, "own.conf")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		s.t.Fatalf("writing %s: %v", path, err)
	}
	return path
}

// URLI is ldapi://PATH with the path escaped.
func (s *Samba) URLI() string {
	return "ldapi://" + url.QueryEscape(filepath.Join(s.Dir, "private/ldapi"))
}

// Start starts the server, also again after Stop or Kill, and returns when it answers.
func (s *Samba) Start() {
	s.t.Helper()
	// Its ports are fixed: it gets a network of its own, in which nobody else has them.
	cmd := exec.Command("sh", "-c", `ip link set lo up && exec "$0" "$@"`,
		Program(s.t, "samba"), "--configfile="+s.conf(s.Dir), "--interactive", "--model=single", "--debug-stdout")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	cmd.Env = append(os.Environ(), noSync)
	s.process = start(s.t, "samba", s.log, cmd)
	s.process.await(func() error { return s.connect(s.URLI(), SambaAdminDN, SambaPassword) })
	s.t.Cleanup(s.disconnect)
}

// Stop ends the server in good order.
func (s *Samba) Stop() {
	s.t.Helper()
	s.disconnect()
	s.process.Stop()
}

// Kill ends the server by SIGKILL.
func (s *Samba) Kill() {
	s.process.Kill()
	s.disconnect()
}

// LDIF applies LDIF change records as the administrator.
func (s *Samba) LDIF(text string) {
	s.t.Helper()
	cmd := exec.Command(Program(s.t, "ldapmodify"), "-x", "-H", s.URLI(), "-D", SambaAdminDN, "-w", SambaPassword)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("ldapmodify: %v\n%s", err, out)
	}
}

// tool runs samba-tool.
func (s *Samba) tool(args ...string) {
	s.t.Helper()
	cmd := exec.Command(Program(s.t, "samba-tool"), args...)
	cmd.Env = append(os.Environ(), noSync)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("samba-tool %s: %v\n%s", args[0], err, out)
	}
}

// ACL adds an access rule in SDDL to an entry.
func (s *Samba) ACL(dn, sddl string) {
	s.t.Helper()
	s.tool("dsacl", "set", "--objectdn="+dn, "--sddl="+sddl,
		"--URL=tdb://"+filepath.Join(s.Dir, "private/sam.ldb"), "--configfile="+s.conf(s.Dir))
}

// AddUser adds a user below ou=people, with a mail address unless it is empty, and returns its UUID.
func (s *Samba) AddUser(name, mail string) string {
	s.t.Helper()
	attrs := map[string][]string{"objectClass": {"user"}, "sAMAccountName": {name}}
	if mail != "" {
		attrs["mail"] = []string{mail}
	}
	return s.Add(SambaDN(name), attrs)
}

// SambaDN returns the DN of a user below ou=people.
func SambaDN(name string) string { return "CN=" + name + "," + PeopleDN }
