package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Postfix is the Postfix of a root: config ROOT/etc/postfix, queue where that config says.
type Postfix struct {
	root string
	old  map[int]string // the processes of before the last Act
}

// NewPostfix returns the Postfix below root, an absolute path.
func NewPostfix(root string) *Postfix { return &Postfix{root: root} }

// Name returns "postfix".
func (*Postfix) Name() string { return "postfix" }

// Unit returns "postfix.service", and "postfix@-.service" where the former only groups instances, as in Debian 12: its
// reload does nothing, and always well.
func (p *Postfix) Unit() string {
	if p.root == "/" && strings.Contains(unitText("postfix.service"), "ExecReload=/bin/true") {
		return "postfix@-.service"
	}
	return "postfix.service"
}

// Dir returns "/etc/postfix".
func (*Postfix) Dir() string { return "/etc/postfix" }

func (p *Postfix) config() string { return filepath.Join(p.root, p.Dir()) }

// Installed reports whether the program postfix is there.
func (*Postfix) Installed() bool { return find("postfix") != "" }

// Version returns the release, such as "3.7.11".
func (*Postfix) Version() string {
	r, err := run(context.Background(), "postconf", "-d", "-h", "mail_version")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(r.Stdout)
}

// Check refuses what Postfix would stumble over: everything that postconf remarks on, what stops a Postfix program that
// reads main.cf, unknown words in restriction lists and limits that contradict each other. What concerns a parameter of a
// .local file is only a warning: that file belongs to the administrator.
func (p *Postfix) Check(ctx context.Context, stage string) (warnings []string, err error) {
	if _, err := os.Stat(filepath.Join(stage, "main.cf")); err != nil {
		return nil, nil // nothing there that Postfix could run with
	}
	if find("postconf") == "" {
		return []string{"postconf is not installed: the files of postfix were not checked"}, nil
	}
	c := checker{stage: stage, live: p.Dir(), local: localNames(stage)}
	// postconf looks into the LDAP files that main.cf names: those to come, not those in force.
	if err := lookInside(stage, p.config(), "main.cf", "master.cf"); err != nil {
		return nil, err
	}
	// Before any program runs: what one says about files that could not be prepared hides the cause.
	if err := ageAll(stage); err != nil {
		return nil, err
	}
	c.run(ctx, true, "postconf", "-c", stage, "-n")
	if _, err := os.Stat(filepath.Join(stage, "master.cf")); err == nil {
		c.run(ctx, true, "postconf", "-c", stage, "-M")
	}
	// postconf takes every value for a text; a program that uses them does not.
	if find("postmap") != "" {
		c.run(ctx, false, "postmap", "-c", stage, "-q", "mailreg", "static:mailreg")
	}
	if len(c.refused) == 0 {
		c.semantics(ctx)
	}
	return c.warnings, errors.Join(c.refused...)
}

// Map returns the path of the map that Build makes: of type hash unless the table names another one.
func (*Postfix) Map(file, table string) string {
	if table == "lmdb" {
		return file + ".lmdb"
	}
	return file + ".db"
}

// Build makes an indexed map with postmap, or with postalias for the table type aliases.
func (p *Postfix) Build(ctx context.Context, stage, file, table string) (warnings []string, err error) {
	program, typ := "postmap", table
	if table == "aliases" {
		program, typ = "postalias", "hash"
	}
	if find(program) == "" {
		return []string{program + " is not installed: no map was built from " + filepath.Base(file)}, nil
	}
	main := filepath.Join(stage, "main.cf")
	if _, err := os.Stat(main); err != nil { // without one, no program of Postfix starts
		if err := os.WriteFile(main, nil, 0o600); err != nil {
			return nil, err
		}
	}
	if err := age(main); err != nil { // otherwise postmap waits for a second
		return nil, err
	}
	r, err := run(ctx, program, "-c", stage, typ+":"+file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(r.Stderr) {
		warnings = append(warnings, strings.ReplaceAll(strings.TrimSpace(line), stage, p.Dir()))
	}
	return warnings, nil
}

// Running reports whether a master holds the lock of this root's queue.
func (p *Postfix) Running() bool {
	f, err := os.Open(p.masterFile())
	if err != nil {
		return false
	}
	defer f.Close()
	// The lock ends with the master, however it ends; the number in the file does not.
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK)
}

// masterFile returns the path of the file that the master locks and writes its number to, "" without a config.
func (p *Postfix) masterFile() string {
	if _, err := os.Stat(filepath.Join(p.config(), "main.cf")); err != nil {
		return "" // postconf would wait for a second before it says so
	}
	r, err := run(context.Background(), "postconf", "-c", p.config(), "-x", "-h", "queue_directory")
	if err != nil {
		return ""
	}
	return filepath.Join(strings.TrimSpace(r.Stdout), "pid/master.pid")
}

// Act reloads Postfix, or starts it after stopping the one that runs.
func (p *Postfix) Act(ctx context.Context, action string) error {
	p.old = children(number(p.masterFile()))
	if inCharge(ctx, p.root, p.Unit(), p.Running()) {
		return unitAction(ctx, action, p.Unit())
	}
	if action == "reload" {
		_, err := run(ctx, "postfix", "-c", p.config(), "reload")
		return err
	}
	if p.Running() {
		if _, err := run(ctx, "postfix", "-c", p.config(), "stop"); err != nil {
			return err
		}
	}
	_, err := run(ctx, "postfix", "-c", p.config(), "start")
	return err
}

// Verify waits until the former processes have gone, of which pickup never has a client. Then it asks for the greeting of
// the SMTP server and for one recipient: a server that starts but cannot work with its settings closes the connection or
// answers "4.3.5 Server configuration error".
func (p *Postfix) Verify(ctx context.Context) error {
	if err := awaitEnd(ctx, p.old, "pickup", "smtpd"); err != nil {
		return err
	}
	if !p.Running() {
		return errors.New("it does not run any more")
	}
	address, err := p.smtpAddress(ctx)
	if err != nil || address == "" {
		return err
	}
	if err := probe(ctx, address, smtpDialogue); err != nil {
		return fmt.Errorf("SMTP at %s: %w", address, err)
	}
	return nil
}
