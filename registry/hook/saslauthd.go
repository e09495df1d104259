package hook

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Saslauthd is the saslauthd of a root, which checks passwords for Postfix and Cyrus: its command line stands in
// ROOT/etc/default/saslauthd.
type Saslauthd struct {
	daemon
	// socket is where it answers, as the system knows it.
	socket string
}

const (
	saslOptions = "/etc/default/saslauthd"
	saslLDAP    = "/etc/saslauthd.conf"
)

// NewSaslauthd returns the saslauthd below root, an absolute path.
func NewSaslauthd(root string) *Saslauthd {
	s := &Saslauthd{daemon: daemon{
		root: root, name: "saslauthd", dir: "/etc/saslauthd", program: "saslauthd", processes: []string{"saslauthd"},
		units: []string{"saslauthd.service"},
	}}
	words := s.assignments()
	options := strings.Fields(words["OPTIONS"])
	dir := s.below("/var/run/saslauthd")
	for i, option := range options[:max(len(options)-1, 0)] {
		if option == "-m" {
			dir = options[i+1]
		}
	}
	s.socket = filepath.Join(dir, "mux")
	s.pidFile = "/" + strings.TrimPrefix(filepath.Join(dir, "saslauthd.pid"), root)
	s.start = append([]string{"saslauthd", "-a", words["MECHANISMS"], "-n", words["THREADS"]}, options...)
	return s
}

// assignments returns the values of NAME=VALUE in the file with the command line, which are without blanks around.
func (s *Saslauthd) assignments() map[string]string {
	values := map[string]string{}
	data, err := os.ReadFile(s.below(saslOptions))
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = strings.Trim(value, `"'`)
		}
	}
	return values
}

// Files returns the config files, all outside of Dir.
func (*Saslauthd) Files() []string { return []string{saslOptions, saslLDAP} }

// Version returns "": no template asks for it.
func (*Saslauthd) Version() string { return "" }

// RestartOnly says that a reload does not serve: saslauthd reads its files at its start, and its cache ends with it.
func (*Saslauthd) RestartOnly() bool { return true }

// Check finds nothing: saslauthd has no way to look at its files, and its own command line is made of typed values.
func (*Saslauthd) Check(context.Context, string) (warnings []string, err error) { return nil, nil }

// Act starts saslauthd after stopping the one that runs.
func (s *Saslauthd) Act(ctx context.Context, action string) error {
	if err := os.MkdirAll(filepath.Dir(s.socket), 0o711); err != nil {
		return err
	}
	return s.act(ctx, action, 0)
}

// Verify asks whether it listens.
func (s *Saslauthd) Verify(ctx context.Context) error {
	if err := s.started(ctx); err != nil {
		return err
	}
	var dialer net.Dialer
	answers := func() bool {
		conn, err := dialer.DialContext(ctx, "unix", s.socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if !await(ctx, startTime, answers) {
		return fmt.Errorf("saslauthd does not answer at %s", s.socket)
	}
	return nil
}
