package harness

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// The account as which the listener and the mail servers read.
const (
	ListenerDN       = "uid=listener," + BaseDN
	ListenerPassword = "listen"
)

// BaseLDIF is what every test directory holds at first.
const BaseLDIF = `dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: uid=listener,dc=example,dc=test
objectClass: account
objectClass: simpleSecurityObject
uid: listener
userPassword: listen

dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=staff,dc=example,dc=test
objectClass: organizationalUnit
ou: staff

dn: ou=domains,dc=example,dc=test
objectClass: organizationalUnit
ou: domains

`

// SlapdConfig says how a test directory differs from the usual one; its zero value is usable. A restart may change all
// but Name.
type SlapdConfig struct {
	// Name is the folder below the sandbox and the name of the log; "slapd" when empty.
	Name string
	// SessionLog is the number of deletions that syncprov remembers (in memory); 0 means 10000, -1 none.
	SessionLog int
	// Checkpoint is the argument of syncprov-checkpoint, operations and minutes; "1 1" when empty, "none" for none.
	Checkpoint string
	// ACL replaces the access lines of the database, each one "to WHAT by WHO ...". The usual: the listener reads all but
	// passwords, others who have bound read as well.
	ACL []string
	// Limits replaces the limits of the listener; "time=unlimited size=unlimited" when empty.
	Limits string
	// Index replaces the attributes that have an equality index.
	Index string
	// Global, Database and Overlay are further lines for slapd.conf: before the first database, in ours, behind our
	// overlay (there also further databases).
	Global, Database, Overlay []string
	// Monitor adds cn=Monitor.
	Monitor bool
	// Sync makes every write durable. Without it a power cut may lose writes, a killed slapd loses none.
	Sync bool
	// LogLevel is slapd's -d argument; "none" when empty, which logs what is never left out.
	LogLevel string
	// LDIF is loaded by slapadd behind BaseLDIF before the first start.
	LDIF string
	// Schema edits our schema before the first start, for a directory that is more careless; nil takes it as it stands.
	Schema func(string) string
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// render returns slapd.conf.
func (s *Slapd) render() string {
	c := &s.Config
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, name := range []string{"core", "cosine", "inetorgperson", "nis"} {
		line("include %s", filepath.Join("/etc/ldap/schema", name+".schema"))
	}
	line("include %s", filepath.Join(s.Dir, "mailreg.schema"))
	line("pidfile %s\nargsfile %s", filepath.Join(s.Dir, "slapd.pid"), filepath.Join(s.Dir, "slapd.args"))
	line("modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload syncprov")
	if c.Monitor {
		line("moduleload back_monitor")
	}
	line("TLSCACertificateFile %s\nTLSCertificateFile %s\nTLSCertificateKeyFile %s",
		s.CA.CertFile, s.CA.ServerCertFile, s.CA.ServerKeyFile)
	line("sizelimit unlimited\nthreads 4\nattributeoptions lang- entry-hex-")
	// A backslash in a quoted argument is eaten, hence the brackets. Root on the local socket is the administrator.
	line(`authz-regexp "gidNumber=0[+]uidNumber=0,cn=peercred,cn=external,cn=auth" %q`, AdminDN)
	line("%s", strings.Join(c.Global, "\n"))
	line("database mdb\nsuffix %q\nrootdn %q\nrootpw %s", BaseDN, AdminDN, AdminPassword)
	line("directory %s\nmaxsize 4294967296", filepath.Join(s.Dir, "db"))
	if !c.Sync {
		line("envflags nosync")
	}
	line("index %s eq", or(c.Index, "objectClass,entryUUID,entryCSN,uid,cn,mailPrimaryAddress,mailAlternativeAddress"))
	line("limits dn.exact=%q %s", ListenerDN, or(c.Limits, "time=unlimited size=unlimited"))
	for _, acl := range s.acl() {
		line("access %s", acl)
	}
	line("%s", strings.Join(c.Database, "\n"))
	line("overlay syncprov")
	if checkpoint := or(c.Checkpoint, "1 1"); checkpoint != "none" {
		line("syncprov-checkpoint %s", checkpoint)
	}
	if c.SessionLog >= 0 {
		line("syncprov-sessionlog %s", or(strings.TrimLeft(strconv.Itoa(c.SessionLog), "0"), "10000"))
	}
	line("%s", strings.Join(c.Overlay, "\n"))
	if c.Monitor {
		line("database monitor")
	}
	return b.String()
}

func (s *Slapd) acl() []string {
	if s.Config.ACL != nil {
		return s.Config.ACL
	}
	return []string{
		"to attrs=userPassword by self write by anonymous auth by * none",
		fmt.Sprintf("to * by dn.exact=%q read by users read by anonymous auth by * none", ListenerDN),
	}
}

// URL is ldap://127.0.0.1:PORT.
func (s *Slapd) URL() string { return fmt.Sprintf("ldap://127.0.0.1:%d", s.Port) }

// URLS is ldaps://127.0.0.1:PORT.
func (s *Slapd) URLS() string { return fmt.Sprintf("ldaps://127.0.0.1:%d", s.TLSPort) }

// URLI is ldapi://PATH with the path escaped; root that binds there by EXTERNAL is the administrator.
func (s *Slapd) URLI() string { return "ldapi://" + url.QueryEscape(s.Socket) }
