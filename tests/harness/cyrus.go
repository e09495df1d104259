package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// CyrusAdmin is the administrator of a Cyrus, a person of the directory with the Password of all.
const CyrusAdmin = "cyrus"

// Cyrus is a Cyrus on the files that were rendered below a sandbox's root, in a tree of its own, with a saslauthd that asks the
// directory. It logs to the syslog, which these machines do not have.
type Cyrus struct {
	Server

	sandbox   *Sandbox
	directory *Slapd
	sasl      *Process
}

// NewCyrus starts a Cyrus and returns when it greets at the imap address.
func NewCyrus(t T, sandbox *Sandbox, directory *Slapd, imap string) *Cyrus {
	t.Helper()
	lmtp := filepath.Join(sandbox.Root(), "run/cyrus/socket/lmtp")
	c := &Cyrus{Server: Server{t: t, IMAP: imap, LMTP: lmtp}, sandbox: sandbox, directory: directory}
	c.prepare()
	c.Start()
	return c
}

// prepare makes what the packages would have made, and the administrator.
func (c *Cyrus) prepare() {
	c.t.Helper()
	uid, gid := c.sandbox.Tree.Account(c.t, "cyrus")
	for _, dir := range []string{
		"var/lib/cyrus", "var/lib/cyrus/socket", "var/lib/cyrus/log", "var/lib/cyrus/db", "var/lib/cyrus/user", "var/lib/cyrus/quota",
		"var/spool/cyrus/mail", "var/spool/sieve", "run/cyrus", "run/cyrus/proc", "run/cyrus/lock", "run/cyrus/socket",
	} {
		path := filepath.Join(c.sandbox.Root(), dir)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.Chown(path, uid, gid)); err != nil {
			c.t.Fatalf("making the folders of Cyrus: %v", err)
		}
	}
	err := errors.Join(
		os.MkdirAll(filepath.Join(c.sandbox.Root(), "var/run/saslauthd"), 0o755),
		os.WriteFile(filepath.Join(c.sandbox.Root(), "etc/cyrus.secret"), []byte(Password+"\n"), 0o600),
		os.WriteFile(c.saslConf(), []byte(strings.Join([]string{
			"ldap_servers: " + c.directory.URL(), "ldap_search_base: " + BaseDN, "ldap_bind_dn: " + ListenerDN,
			"ldap_bind_pw: " + ListenerPassword, "ldap_auth_method: bind", "ldap_timeout: 10",
			"ldap_filter: (|(mailPrimaryAddress=%u@%r)(&(uid=%u)(!(mailPrimaryAddress=*))))", "",
		}, "\n")), 0o600),
	)
	if err != nil {
		c.t.Fatalf("preparing Cyrus: %v", err)
	}
	if c.directory.hasCyrus { // another host's, which shares the directory
		return
	}
	c.directory.hasCyrus = true
	c.directory.Add("uid="+CyrusAdmin+","+BaseDN, map[string][]string{
		"objectClass": {"inetOrgPerson"}, "uid": {CyrusAdmin}, "cn": {CyrusAdmin}, "sn": {CyrusAdmin}, "userPassword": {Password},
	})
}

func (c *Cyrus) saslConf() string { return filepath.Join(c.sandbox.Dir, "saslauthd.conf") }

// Start starts it again after Stop or Kill.
func (c *Cyrus) Start() {
	c.t.Helper()
	root := c.sandbox.Root()
	if c.sasl == nil {
		socket := filepath.Join(root, "var/run/saslauthd")
		log := filepath.Join(c.sandbox.Dir, "log/saslauthd.log")
		c.sasl = start(c.t, "saslauthd", log, c.sandbox.Tool("saslauthd", "-d", "-n", "4", "-a", "ldap", "-O", c.saslConf(), "-m", socket))
		c.sasl.await(func() error {
			_, err := os.Stat(filepath.Join(socket, "mux"))
			return err
		})
	}
	log := filepath.Join(c.sandbox.Dir, "log/cyrus.log")
	c.process = start(c.t, "cyrus", log, c.sandbox.Tool("cyrmaster", "-D", "-C", filepath.Join(root, "etc/imapd.conf"),
		"-M", filepath.Join(root, "etc/cyrus.conf"), "-p", filepath.Join(root, "run/cyrus-master.pid")))
	c.process.await(func() error { return greets(c.IMAP, "* OK") })
	c.process.await(func() error { return greets(filepath.Join(root, "run/cyrus/socket/imap"), "* OK") })
}

// Places returns the inboxes in which each message is, by subject: names as the administrator has them, with a slash and the
// subject behind. What was moved aside counts.
func (c *Cyrus) Places() map[string][]string {
	c.t.Helper()
	admin, err := c.as("")
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	defer admin.Close()
	inboxes, err := admin.List("", "user/%@%", nil).Collect()
	if err != nil {
		c.t.Fatalf("listing mailboxes: %v", err)
	}
	places := map[string][]string{}
	for _, inbox := range inboxes {
		client, err := c.as(strings.TrimPrefix(inbox.Mailbox, "user/"))
		if err != nil {
			c.t.Fatalf("%v", err)
		}
		messages, err := readAll(client, "INBOX")
		_ = client.Close()
		if err != nil {
			c.t.Fatalf("reading %s: %v", inbox.Mailbox, err)
		}
		for _, m := range messages {
			places[m.Subject] = append(places[m.Subject], inbox.Mailbox+"/"+m.Subject)
		}
	}
	return places
}

// as logs the administrator in to act as a user.
func (c *Cyrus) as(user string) (*imapclient.Client, error) {
	client, err := imapclient.DialInsecure(c.IMAP, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting to IMAP: %w", err)
	}
	if err := client.Authenticate(sasl.NewPlainClient(user, CyrusAdmin, Password)); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("login as %s: %w", user, err)
	}
	return client, nil
}

// cyrusSettings are the registry settings of a Cyrus on loopback.
func cyrusSettings(imap, sieve int) []string {
	return []string{
		"mail/mailbox/backend=cyrus", "mail/cyrus/auth/allowplaintext=yes", "mail/cyrus/pop=no", "mail/cyrus/listen=127.0.0.1",
		fmt.Sprintf("mail/cyrus/imap/port=%d", imap), "mail/cyrus/lmtp/port=0", fmt.Sprintf("mail/cyrus/sieve/port=%d", sieve),
		"mail/cyrus/loginrealms=" + MailDomain,
		"mail/saslauthd/cache/enabled=no", // its saslauthd has none, and is not to be started anew for changes
	}
}
