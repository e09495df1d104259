package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Postfix is a Postfix on the files below ROOT/etc/postfix. /etc/postfix is not touched.
type Postfix struct {
	t    T
	root string
	// SMTP is the address of the SMTP listener.
	SMTP string
}

// NewPostfix makes the queue directories, as the first check of a new queue does, and starts a Postfix on the files that
// were rendered below root. The smtp address is where it greets when it is up.
func NewPostfix(t T, root, smtp string) *Postfix {
	t.Helper()
	p := &Postfix{t: t, root: root, SMTP: smtp}
	p.Start()
	t.Cleanup(func() {
		if p.Running() {
			p.Stop()
		}
	})
	return p
}

// Start starts it again after Stop.
func (p *Postfix) Start() {
	p.t.Helper()
	p.command("start")
	await(p.t, "postfix", p.Log(), func() error { return greets(p.SMTP, "220 ") })
}

// Stop ends it and waits until it has.
func (p *Postfix) Stop() {
	p.t.Helper()
	p.command("stop")
}

// Running reports whether its master runs.
func (p *Postfix) Running() bool {
	return exec.Command(Program(p.t, "postfix"), "-c", p.config(), "status").Run() == nil
}

// Log returns the path of its log.
func (p *Postfix) Log() string { return filepath.Join(p.root, "var/log/mail.log") }

// Reloads counts the reloads that its log tells of.
func (p *Postfix) Reloads() int {
	p.t.Helper()
	data, err := os.ReadFile(p.Log())
	if err != nil {
		p.t.Fatalf("counting the reloads of postfix: %v", err)
	}
	return strings.Count(string(data), ": reload -- version")
}

// Setting returns the value that Postfix itself reads for a parameter of main.cf.
func (p *Postfix) Setting(parameter string) string {
	p.t.Helper()
	out, err := exec.Command(Program(p.t, "postconf"), "-c", p.config(), "-h", parameter).Output()
	if err != nil {
		p.t.Fatalf("postconf %s: %v", parameter, err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (p *Postfix) config() string { return filepath.Join(p.root, "etc/postfix") }

func (p *Postfix) command(verb string) {
	p.t.Helper()
	out, err := exec.Command(Program(p.t, "postfix"), "-c", p.config(), verb).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v", fmt.Errorf("postfix %s: %w: %s%s", verb, err, out, tail(p.Log())))
	}
}
