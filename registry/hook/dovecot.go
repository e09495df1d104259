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

// Dovecot is the Dovecot of a root: config ROOT/etc/dovecot/dovecot.conf, run files below ROOT/run/dovecot.
type Dovecot struct {
	root string
	old  map[int]string // the processes of before the last Act
}

// NewDovecot returns the Dovecot below root, an absolute path.
func NewDovecot(root string) *Dovecot { return &Dovecot{root: root} }

// Name returns "dovecot".
func (*Dovecot) Name() string { return "dovecot" }

// Unit returns "dovecot.service".
func (*Dovecot) Unit() string { return "dovecot.service" }

// Dir returns "/etc/dovecot".
func (*Dovecot) Dir() string { return "/etc/dovecot" }

func (d *Dovecot) config() string { return filepath.Join(d.root, d.Dir(), "dovecot.conf") }

// Installed reports whether the program dovecot is there.
func (*Dovecot) Installed() bool { return find("dovecot") != "" }

// Part reports whether a part of Dovecot is installed that Debian has in a package of its own: sieve, managesieve or pop3.
func (*Dovecot) Part(name string) bool {
	switch name {
	case "sieve":
		return find("sievec") != ""
	case "managesieve", "pop3":
		_, err := os.Stat("/usr/lib/dovecot/" + name)
		return err == nil
	default:
		return false
	}
}

// Version returns the release, such as "2.3.19.1".
func (*Dovecot) Version() string {
	r, err := run(context.Background(), "dovecot", "--version")
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimSpace(r.Stdout), " ")
	return version
}

// verdict is how doveconf begins its messages.
var verdict = sync.OnceValue(compile(`^(doveconf: )?((Fatal|Error|Warning|Panic): )*`))

// Check has doveconf read the staged files and the certificates that they name; its message names file and line.
func (d *Dovecot) Check(ctx context.Context, stage string) (warnings []string, err error) {
	file := filepath.Join(stage, "dovecot.conf")
	if _, err := os.Stat(file); err != nil {
		return nil, nil // nothing there that Dovecot could run with
	}
	if find("doveconf") == "" {
		return []string{"doveconf is not installed: the files of dovecot were not checked"}, nil
	}
	// Included files are to be those of the stage.
	if err := lookInside(stage, filepath.Dir(d.config()), "dovecot.conf"); err != nil {
		return nil, err
	}
	// With -x it opens the files that settings name; without, a missing certificate shows when no process can start any more.
	r, err := run(ctx, "doveconf", "-c", file, "-n", "-x")
	for line := range strings.Lines(r.Stderr) {
		line = strings.ReplaceAll(strings.TrimSpace(line), stage, d.Dir())
		line = verdict().ReplaceAllString(line, "")
		if err != nil && line != "" {
			return warnings, errors.New(line)
		}
		warnings = append(warnings, line)
	}
	if err == nil {
		err = d.semantics(ctx, stage)
	}
	if err != nil {
		return warnings, err
	}
	said, err := d.checkSieve(ctx, stage)
	return append(warnings, said...), err
}

// Map returns the path of the compiled form of a Sieve script, "" for other tables.
func (*Dovecot) Map(file, table string) string {
	if table != sieveTable {
		return ""
	}
	return compiled(file)
}

// Build compiles a Sieve script.
func (d *Dovecot) Build(ctx context.Context, stage, file, table string) (warnings []string, err error) {
	if table != sieveTable {
		return nil, errors.New("dovecot has no tables of type " + table)
	}
	return d.buildSieve(ctx, stage, file)
}

// Running reports whether the master of this root is alive.
func (d *Dovecot) Running() bool {
	return command(number(d.masterFile())) == "dovecot" // the number may have gone to another program since
}

func (d *Dovecot) masterFile() string { return filepath.Join(d.root, "/run/dovecot/master.pid") }

// Act reloads Dovecot, or starts it after stopping the one that runs.
func (d *Dovecot) Act(ctx context.Context, action string) error {
	d.old = children(number(d.masterFile()))
	if inCharge(ctx, d.root, d.Unit(), d.Running()) {
		return unitAction(ctx, action, d.Unit())
	}
	if action == "reload" {
		_, err := run(ctx, "doveadm", "-c", d.config(), "reload")
		return err
	}
	if d.Running() {
		if _, err := run(ctx, "doveadm", "-c", d.config(), "stop"); err != nil {
			return err
		}
		if err := d.ended(ctx); err != nil {
			return err
		}
	}
	_, err := run(ctx, "dovecot", "-c", d.config())
	return err
}

// ended waits for the end of the master: doveadm stop only asks for it, and a second one refuses to start meanwhile.
func (d *Dovecot) ended(ctx context.Context) error {
	if !await(ctx, startTime, func() bool { return !d.Running() }) {
		return errors.New("dovecot does not end")
	}
	return nil
}

// Verify waits until the former processes have gone, of which log never has a client; a master that has just been started
// has not written its number yet. Then it asks for the greetings of the IMAP and LMTP servers.
func (d *Dovecot) Verify(ctx context.Context) error {
	if err := awaitEnd(ctx, d.old, "log", "imap-login"); err != nil {
		return err
	}
	if !await(ctx, startTime, d.Running) {
		return errors.New("it does not run any more")
	}
	if address := d.imapAddress(ctx); address != "" {
		if err := probe(ctx, address, imapDialogue); err != nil {
			return fmt.Errorf("IMAP at %s: %w", address, err)
		}
	}
	return d.verifyLMTP(ctx)
}
