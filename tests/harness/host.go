package harness

import (
	"fmt"
	"os"
	"path/filepath"
)

// HostConfig says how a mail host differs from the usual one, which has a directory, Dovecot, Postfix and the listener.
type HostConfig struct {
	// Set are further registry settings, KEY=VALUE; they win over the usual ones.
	Set []string
	// Slapd edits the configuration of the directory.
	Slapd func(*SlapdConfig)
	// Directory is that of another host which this one shares; one of its own when nil. A second host needs another hostname
	// in Set.
	Directory *Slapd
	// Cyrus names the release, such as "bookworm", whose Cyrus the host has instead of Dovecot; its servers are those of a tree.
	Cyrus string
	// NoDovecot, NoPostfix and NoListener leave a server out; the settings of its files are rendered all the same.
	NoDovecot, NoPostfix, NoListener bool
	// Tree names the tree (see NewTree) whose servers the host has; the directory is always on the release that the test
	// runs on, and so are the servers when it is empty.
	Tree string
}

// Host is a mail host below a sandbox's root with a directory of its own. The servers run on the files that a commit
// has rendered.
type Host struct {
	*Sandbox
	*Mailreg
	Slapd    *Slapd
	Dovecot  *Dovecot
	Cyrus    *Cyrus
	Postfix  *Postfix
	Listener *Listener
	Spool    Spool
}

// NewHost makes a host: directory, settings, commit, servers, listener.
func NewHost(t T, config HostConfig) *Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("a mail host needs root: Dovecot and Postfix become other users")
	}
	sandbox := NewSandbox(t)
	if config.Cyrus != "" {
		config.Tree, config.NoDovecot = config.Cyrus+"-cyrus", true
	}
	sandbox.Tree = NewTree(t, config.Tree)
	h := &Host{Sandbox: sandbox, Mailreg: NewMailreg(t, sandbox), Spool: NewSpool(t, sandbox.Root())}
	if config.Slapd == nil {
		config.Slapd = func(*SlapdConfig) {}
	}
	if h.Slapd = config.Directory; h.Slapd == nil {
		h.Slapd = NewSlapdIn(t, sandbox, config.Slapd)
	}
	makeFolders(t, sandbox)
	imap, smtp := sandbox.Port(), sandbox.Port()
	settings := h.settings(t, imap, smtp)
	if config.Cyrus != "" {
		settings = append(settings, cyrusSettings(imap, sandbox.Port())...)
	}
	h.Must(append([]string{"set", "--no-reload"}, append(settings, config.Set...)...)...)
	h.Must("commit")
	if config.Cyrus != "" {
		h.Cyrus = NewCyrus(t, sandbox, h.Slapd, fmt.Sprintf("127.0.0.1:%d", imap))
	}
	if config.NoListener {
		makeTables(t, sandbox.Root())
	}
	if !config.NoDovecot {
		h.Dovecot = NewDovecot(t, sandbox, fmt.Sprintf("127.0.0.1:%d", imap))
	}
	if !config.NoPostfix {
		h.Postfix = NewPostfix(t, sandbox, fmt.Sprintf("127.0.0.1:%d", smtp))
	}
	if !config.NoListener {
		h.Listener = NewListener(t, sandbox)
	}
	return h
}

// makeTables makes what Dovecot finds after the listener has been started once, while nobody is kept out.
func makeTables(t T, root string) {
	t.Helper()
	dir := filepath.Join(root, "var/lib/mailreg/dovecot")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("making the host: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blocked"), nil, 0o644); err != nil {
		t.Fatalf("making the host: %v", err)
	}
}

// makeFolders makes what the packages of the servers would have made.
func makeFolders(t T, sandbox *Sandbox) {
	t.Helper()
	root := sandbox.Root()
	for _, dir := range []string{"var/log", "run/dovecot", "var/spool/postfix/private", "var/lib/postfix"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatalf("making the host: %v", err)
		}
	}
	uid, _ := sandbox.Tree.Account(t, "postfix")
	for _, dir := range []string{"var/spool/postfix/private", "var/lib/postfix"} {
		if err := os.Chown(filepath.Join(root, dir), uid, -1); err != nil {
			t.Fatalf("making the host: %v", err)
		}
	}
}

// settings are the registry settings of a host on loopback.
func (h *Host) settings(t T, imap, smtp int) []string {
	t.Helper()
	secret := filepath.Join(h.Dir, "ldap.secret")
	if err := os.WriteFile(secret, []byte(ListenerPassword+"\n"), 0o600); err != nil {
		t.Fatalf("writing the listener's password: %v", err)
	}
	return []string{
		"hostname=mail1",
		"domainname=example.test",
		"ldap/uri=" + h.Slapd.URL(),
		"ldap/base=" + BaseDN,
		"ldap/hostdn=" + ListenerDN,
		"ldap/secret=" + secret,
		"ldap/starttls=no",
		"mail/dovecot/location/uid=5000",
		"mail/dovecot/location/gid=5000",
		"mail/dovecot/auth/driver=ldap",
		"mail/dovecot/auth/allowplaintext=yes",
		"mail/dovecot/listen=127.0.0.1",
		fmt.Sprintf("mail/dovecot/imap/port=%d", imap),
		"mail/dovecot/imaps/port=0", "mail/dovecot/pop3/port=0", "mail/dovecot/pop3s/port=0",
		"mail/dovecot/sieve/port=0",
		"mail/dovecot/quota-status/port=0",
		"mail/dovecot/quota/warning/command=" + built(t, "mailreg"),
		"mail/postfix/listen=127.0.0.1",
		"mail/postfix/submission/port=0",
		"mail/postfix/smtps/port=0",
		fmt.Sprintf("mail/smtpport=%d", smtp),
	}
}
