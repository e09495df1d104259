package harness

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// Dovecot is a Dovecot on the files that were rendered below a sandbox's root.
type Dovecot struct {
	Server

	sandbox *Sandbox
}

// NewDovecot starts a Dovecot and returns when it greets at the imap address.
func NewDovecot(t T, sandbox *Sandbox, imap string) *Dovecot {
	t.Helper()
	lmtp := filepath.Join(sandbox.Root(), "var/spool/postfix/private/dovecot-lmtp")
	d := &Dovecot{Server: Server{t: t, IMAP: imap, LMTP: lmtp}, sandbox: sandbox}
	d.Start()
	return d
}

// Start starts it again after Stop or Kill.
func (d *Dovecot) Start() {
	d.t.Helper()
	config := filepath.Join(d.sandbox.Root(), "etc/dovecot/dovecot.conf")
	log := filepath.Join(d.sandbox.Dir, "log/dovecot.log")
	d.process = start(d.t, "dovecot", log, d.sandbox.Tool("dovecot", "-F", "-c", config))
	d.process.await(func() error { return greets(d.IMAP, "* OK") })
}

// greets reports whether a server at the address says the greeting.
func greets(address, greeting string) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the greeting: %w", err)
	}
	if !strings.HasPrefix(line, greeting) {
		return fmt.Errorf("greeting %q", line)
	}
	return nil
}
