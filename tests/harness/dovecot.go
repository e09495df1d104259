package harness

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Dovecot is a Dovecot on the files below ROOT/etc/dovecot.
type Dovecot struct {
	t    T
	root string
	// IMAP is the address of the IMAP listener, LMTP the path of the LMTP socket.
	IMAP, LMTP string
	process    *Process
}

// NewDovecot starts a Dovecot on the files that were rendered below root. The imap address is where it greets when it
// is up.
func NewDovecot(t T, root, imap string) *Dovecot {
	t.Helper()
	d := &Dovecot{t: t, root: root, IMAP: imap, LMTP: filepath.Join(root, "var/spool/postfix/private/dovecot-lmtp")}
	d.Start()
	return d
}

// Start starts it again after Stop or Kill.
func (d *Dovecot) Start() {
	d.t.Helper()
	config := filepath.Join(d.root, "etc/dovecot/dovecot.conf")
	log := filepath.Join(d.root, "var/log/dovecot.out")
	d.process = start(d.t, "dovecot", log, exec.Command(Program(d.t, "dovecot"), "-F", "-c", config))
	d.process.await(func() error { return greets(d.IMAP, "* OK") })
}

// Stop ends it in good order, Kill at once.
func (d *Dovecot) Stop() { d.process.Stop() }

// Kill ends the master and all its children by SIGKILL.
func (d *Dovecot) Kill() { d.process.Kill() }

// Log returns the path of its log.
func (d *Dovecot) Log() string { return filepath.Join(d.root, "var/log/dovecot.log") }

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
