package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Cyrus is the Cyrus IMAP server of a root, with Debian's files ROOT/etc/imapd.conf and ROOT/etc/cyrus.conf.
type Cyrus struct{ daemon }

// NewCyrus returns the Cyrus below root, an absolute path.
func NewCyrus(root string) *Cyrus {
	c := &Cyrus{daemon{
		root: root, name: "cyrus", dir: "/etc/cyrus", program: "cyrmaster", processes: []string{"cyrmaster", "master"},
		units: []string{"cyrus-imapd.service"}, pidFile: "/run/cyrus-master.pid",
	}}
	c.start = []string{"cyrmaster", "-d", "-C", c.below(imapdConf), "-M", c.below(cyrusConf), "-p", c.below(c.pidFile)}
	return c
}

const (
	imapdConf = "/etc/imapd.conf"
	cyrusConf = "/etc/cyrus.conf"
	// cyrusBin is where Debian has Cyrus's tools.
	cyrusBin = "/usr/lib/cyrus/bin"
)

// Chosen reports whether Cyrus is what serves mail here when nobody says so: its IMAP server excludes Dovecot's.
func (*Cyrus) Chosen() bool { return find(filepath.Join(cyrusBin, "imapd")) != "" }

// Files returns the config files outside of Dir.
func (*Cyrus) Files() []string { return []string{imapdConf, cyrusConf} }

// Version returns the release, such as "3.6.1".
func (*Cyrus) Version() string {
	r, err := run(context.Background(), filepath.Join(cyrusBin, "cyr_info"), "version")
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(r.Stdout), "cyrus-imapd "), "-")
	return version
}

// RestartOnly says that a reload does not serve: on SIGHUP the master reads cyrus.conf, but no process reads imapd.conf.
func (*Cyrus) RestartOnly() bool { return true }

// Check has Cyrus read the staged files. Whatever conf-lint prints is an option that Cyrus does not know, and so has no
// effect; its status says nothing.
func (c *Cyrus) Check(ctx context.Context, stage string) (warnings []string, err error) {
	top := strings.TrimSuffix(stage, c.dir)
	imapd, cyrus := filepath.Join(top, imapdConf), filepath.Join(top, cyrusConf)
	if _, err := os.Stat(imapd); err != nil {
		return nil, nil // nothing there that Cyrus could run with
	}
	lint := filepath.Join(cyrusBin, "cyr_info")
	if find(lint) == "" {
		return missing("cyr_info", c.name), nil
	}
	args := []string{"-C", imapd}
	if data, err := os.ReadFile(cyrus); err == nil {
		// With -M it knows the names of services, with which options may begin. It reads that file, which holds no secrets,
		// when it has become user cyrus, who cannot enter the stage.
		dir, file, err := publish(data)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		args = append(args, "-M", file)
	}
	r, err := run(ctx, lint, append(args, "conf-lint")...)
	if err != nil {
		message := strings.TrimPrefix(strings.TrimSpace(r.Stderr), "fatal error: ")
		if message == "" {
			return nil, err
		}
		return nil, errors.New(strings.ReplaceAll(message, top, ""))
	}
	var refused []error
	for line := range strings.Lines(r.Stdout) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name != "" {
			refused = append(refused, fmt.Errorf("%s: unknown option %s", imapdConf, name))
		}
	}
	return nil, errors.Join(refused...)
}

// publish writes data to a file that everybody can read, in a directory of its own. That of temporary files may be for the
// caller alone when it is not /tmp.
func publish(data []byte) (dir, file string, err error) {
	if dir, err = os.MkdirTemp("/tmp", "mailreg-"); err != nil {
		dir, err = os.MkdirTemp("", "mailreg-")
	}
	if err != nil {
		return "", "", err
	}
	file = filepath.Join(dir, filepath.Base(cyrusConf))
	if err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, data, 0o644), os.Chmod(file, 0o644)); err != nil {
		return "", "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, file, nil
}

// Act starts Cyrus after stopping the one that runs.
func (c *Cyrus) Act(ctx context.Context, action string) error { return c.act(ctx, action, 0) }

// cyrusService finds the services of cyrus.conf: cmd="PROGRAM ..." listen="ADDRESS".
var cyrusService = sync.OnceValue(compile(`cmd="(\w+)[^"]*"\s+listen="([^"]+)"`))

// Verify asks the first IMAP service for its greeting; without one, it is enough that the master runs.
func (c *Cyrus) Verify(ctx context.Context) error {
	if err := c.started(ctx); err != nil {
		return err
	}
	data, err := os.ReadFile(c.below(cyrusConf))
	if err != nil {
		return err
	}
	for _, found := range cyrusService().FindAllStringSubmatch(string(data), -1) {
		dialogues := map[string]string{"imapd": "* ", "timsieved": `"IMPLEMENTATION"`}
		greeting, known := dialogues[found[1]]
		if !known || strings.HasPrefix(found[2], "imaps") {
			continue
		}
		address := found[2]
		if !strings.HasPrefix(address, "/") {
			address = reachable(named(address), "143")
		}
		if err := probe(ctx, address, greetingDialogue(greeting)); err != nil {
			return fmt.Errorf("%s at %s: %w", found[1], address, err)
		}
		return nil
	}
	return nil
}

// named puts the usual numbers in the place of names of services, which cyrus.conf may have.
func named(address string) string {
	for name, port := range map[string]string{"imap": "143", "sieve": "4190"} {
		if address == name || strings.HasSuffix(address, ":"+name) {
			return strings.TrimSuffix(address, name) + port
		}
	}
	return address
}
