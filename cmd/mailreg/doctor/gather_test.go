package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
)

// write writes a file below a root, with its folders.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// newPair returns a certificate and its key as PEM.
func newPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * days), DNSNames: []string{"mail1.example.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// TestGather takes the snapshot of a scratch root with real files, certificates and no daemon.
func TestGather(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	cert, key := newPair(t)
	_, otherKey := newPair(t)
	write(t, path("cert.pem"), cert, 0o644)
	write(t, path("key.pem"), key, 0o600)
	write(t, path("other.pem"), otherKey, 0o600)
	write(t, path("etc/mailreg/base.conf"), strings.Join([]string{
		"# mailreg layer file 1: base.conf",
		"hostname: mail1", "domainname: example.test", "ldap/base: dc=x", "ldap/uri: ldap://127.0.0.1",
		"ldap/hostdn: cn=mail1", "ldap/secret: " + path("secret"), "ldap/cafile: " + path("key.pem"),
		"mail/postfix/ssl/certificate: " + path("cert.pem"), "mail/postfix/ssl/key: " + path("key.pem"),
		"mail/dovecot/ssl/certificate: " + path("cert.pem"), "mail/dovecot/ssl/key: " + path("other.pem"),
		"mail/dovecot/location/uid: 0", "mail/dovecot/location/gid: 0",
		"# end of base.conf", "",
	}, "\n"), 0o646)
	if err := os.Chmod(path("etc/mailreg/base.conf"), 0o646); err != nil {
		t.Fatal(err)
	}
	write(t, path("etc/postfix/main.cf"), "a = 1\na = 2\n", 0o644)
	write(t, path("var/lib/mailreg/state.json"), `{"spool": true}`, 0o600)
	if err := os.MkdirAll(path("var/spool/dovecot/private"), 0o755); err != nil {
		t.Fatal(err)
	}
	host := Host{Root: root, Registry: registry.Open(root), Daemon: control.NewClient(path("run/mailreg/control.sock"))}
	var got []string
	for _, f := range Examine(Gather(t.Context(), host)) {
		switch f.Check {
		case "permissions", "directory-password", "certificates", "ca-files", "local-files", "spool", "daemon":
			text, _, _ := strings.Cut(strings.ReplaceAll(f.Message, root, ""), ": no such")
			got = append(got, string(f.Level)+" "+text)
		}
	}
	want := []string{
		"problem /etc/mailreg/base.conf can be changed by others (mode 0646)",
		"problem /secret (ldap/secret) is missing",
		"problem /cert.pem (mail/dovecot/ssl/certificate): the key /other.pem is not that of the certificate /cert.pem",
		"problem /key.pem (ldap/cafile) holds no certificate",
		"warning main.cf sets a 2 times: the last one counts, not the variable that sets the first",
		"problem the spool /var/spool/dovecot/private is empty, but there were stores: it is likely not mounted",
		"warning the daemon does not answer on /run/mailreg/control.sock",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunning(t *testing.T) {
	proc := t.TempDir()
	write(t, filepath.Join(proc, "1/comm"), "systemd\n", 0o644)
	write(t, filepath.Join(proc, "20/comm"), "dovecot\n", 0o644)
	write(t, filepath.Join(proc, "20/limits"), "Limit   Soft Limit   Hard Limit   Units\nMax open files            65535                524288               files\n", 0o644)
	write(t, filepath.Join(proc, "30/comm"), "master\n", 0o644)
	write(t, filepath.Join(proc, "30/limits"), "Max open files            unlimited            unlimited            files\n", 0o644)
	if diff := cmp.Diff(map[string]uint64{"dovecot": 65535, "postfix": ^uint64(0)}, running(proc)); diff != "" {
		t.Error(diff)
	}
}
