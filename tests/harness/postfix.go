package harness

import (
	"os"
	"path/filepath"
	"strings"
)

// Postfix is a Postfix on the files that were rendered below a sandbox's root. /etc/postfix is not touched.
type Postfix struct {
	// SMTP is the address of the SMTP listener.
	SMTP string

	t       T
	sandbox *Sandbox
}

// NewPostfix starts a Postfix, which makes its queue directories at the first start, and returns when it greets at the
// smtp address.
func NewPostfix(t T, sandbox *Sandbox, smtp string) *Postfix {
	t.Helper()
	p := &Postfix{t: t, sandbox: sandbox, SMTP: smtp}
	t.Cleanup(p.Stop)
	p.Start()
	return p
}

// Start starts it again after Stop.
func (p *Postfix) Start() {
	p.t.Helper()
	p.command("start")
	await(p.t, "postfix", p.Log(), func() error { return greets(p.SMTP, "220 ") })
}

// Stop ends it and waits until it has. It does nothing when it does not run.
func (p *Postfix) Stop() {
	p.t.Helper()
	if p.Running() {
		p.command("stop")
	}
}

// Running reports whether its master runs.
func (p *Postfix) Running() bool {
	return p.sandbox.Tool("postfix", "-c", p.config(), "status").Run() == nil
}

// Log returns the path of its log.
func (p *Postfix) Log() string { return filepath.Join(p.sandbox.Root(), "var/log/mail.log") }

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
	out, err := p.sandbox.Tool("postconf", "-c", p.config(), "-h", parameter).Output()
	if err != nil {
		p.t.Fatalf("postconf %s: %v", parameter, err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (p *Postfix) config() string { return filepath.Join(p.sandbox.Root(), "etc/postfix") }

func (p *Postfix) command(verb string) {
	p.t.Helper()
	// A file, no pipe: the daemons inherit it and would keep a pipe open.
	out, err := os.Create(filepath.Join(p.sandbox.Dir, "log/postfix.log"))
	if err != nil {
		p.t.Fatalf("postfix %s: %v", verb, err)
	}
	defer out.Close()
	cmd := p.sandbox.Tool("postfix", "-c", p.config(), verb)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("postfix %s: %v%s%s", verb, err, tail(out.Name()), tail(p.Log()))
	}
}
