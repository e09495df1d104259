package settings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// editor is a person who edits files of a host by hand.
type editor struct {
	*testing.T
	*harness.Host
}

// replace writes a file below the root as editors do: beside it, then renamed into its place.
func (e editor) replace(name, text string) {
	e.Helper()
	path := filepath.Join(e.Root(), name)
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".new", []byte(text), 0o644), os.Rename(path+".new", path),
	)
	if err != nil {
		e.Fatal(err)
	}
}

// edit replaces lines of a layer file.
func (e editor) edit(pattern, by string) {
	e.Helper()
	const name = "etc/mailreg/base.conf"
	data, err := os.ReadFile(filepath.Join(e.Root(), name))
	if err != nil {
		e.Fatal(err)
	}
	text := regexp.MustCompile(pattern).ReplaceAllString(string(data), by)
	if text == string(data) {
		e.Fatalf("there is nothing that matches %s in\n%s", pattern, text)
	}
	e.replace(name, text)
}

// size waits until Postfix answers EHLO with a size limit.
func (e editor) size(want string) {
	e.Helper()
	e.Listener.Await("size limit "+want, func() error {
		got, err := e.Postfix.Size()
		if err == nil && got != want {
			err = fmt.Errorf("Postfix offers SIZE %s", got)
		}
		return err
	})
}

// noted waits until the status has a note with all parts; without parts, until it has none.
func (e editor) noted(parts ...string) {
	e.Helper()
	e.Listener.Await(fmt.Sprintf("a note with %q", parts), func() error {
		var status control.Status
		e.JSON(&status, "listener", "status")
		has := func(note string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(note, part) })
		}
		if len(parts) > 0 && slices.ContainsFunc(status.Notes, has) || len(parts) == 0 && len(status.Notes) == 0 {
			return nil
		}
		return fmt.Errorf("notes are %q", status.Notes)
	})
}

// TestEditsAreCommitted proves that what a person edits comes into force by itself, and that an edit which is broken in
// whatever way is reported and leaves the servers as they were until it is healed.
func TestEditsAreCommitted(t *testing.T) {
	t.Parallel()
	e := editor{t, harness.NewHost(t, harness.HostConfig{Set: []string{"mailreg/autocommit=yes", "mail/messagesizelimit=1000000"}})}
	e.size("1000000")
	e.edit(`mail/messagesizelimit: .*`, "mail/messagesizelimit: 2000000")
	e.size("2000000")

	for _, broken := range []struct {
		name        string
		break_      func()
		note        []string
		heal        func()
		size, after string
	}{
		{
			"a file without its trailer", func() { e.edit(`# end of base.conf\n`, "") },
			[]string{"base.conf", "last good settings"},
			func() { e.edit(`\z`, "# end of base.conf\n") }, "2000000", "2000000",
		},
		{
			"a value of a wrong type", func() { e.edit(`messagesizelimit: .*`, "messagesizelimit: lots") },
			[]string{"/etc/mailreg/base.conf was edited and is refused", `mail/messagesizelimit: value "lots"`},
			func() { e.edit(`messagesizelimit: .*`, "messagesizelimit: 3000000") }, "2000000", "3000000",
		},
		{
			"a template that is none", func() { e.replace("etc/mailreg/templates/postfix/main.cf/99-own.tmpl", "{{get") },
			[]string{"99-own.tmpl"},
			func() {
				e.replace("etc/mailreg/templates/postfix/main.cf/99-own.tmpl", "bounce_size_limit = 77777\n")
			}, "3000000", "3000000",
		},
		{
			"a setting with which Postfix does not work", func() { e.replace("etc/postfix/main.cf.local", "smtpd_recipient_restrictions = nonsense\n") },
			[]string{"/etc/postfix/main.cf.local was edited and is refused", "does not work with the new settings"},
			func() { e.replace("etc/postfix/main.cf.local", "message_size_limit = 5000000\n") }, "3000000", "5000000",
		},
		{
			"a declaration that is none", func() { e.replace("etc/mailreg/schema.d/own.ini", "[own/key]\n") },
			[]string{"own.ini"},
			func() { e.replace("etc/mailreg/schema.d/own.ini", "[own/key]\nType = str\n") }, "5000000", "5000000",
		},
	} {
		broken.break_()
		e.noted(broken.note...)
		e.size(broken.size)
		if t.Failed() {
			t.Fatal(broken.name)
		}
		broken.heal()
		e.noted()
		e.size(broken.after)
	}
	e.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	e.Wait()
	client, err := e.Dovecot.Login("anna@example.test", harness.Password)
	if err != nil {
		t.Fatalf("Dovecot after all this: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// TestEditsWait proves that without mailreg/autocommit an edit is told and not committed, until somebody commits it or
// switches it on.
func TestEditsWait(t *testing.T) {
	t.Parallel()
	e := editor{t, harness.NewHost(t, harness.HostConfig{NoDovecot: true, Set: []string{"mail/messagesizelimit=1000000"}})}
	e.edit(`messagesizelimit: .*`, "messagesizelimit: 2000000")
	e.noted("/etc/mailreg/base.conf was edited and waits", "would write /etc/postfix/main.cf")
	e.size("1000000")
	e.Must("commit")
	e.noted()
	e.size("2000000")
	e.edit(`messagesizelimit: .*`, "messagesizelimit: 3000000")
	e.noted("/etc/mailreg/base.conf was edited and waits")
	e.Must("set", "mailreg/autocommit=yes")
	e.noted()
	e.size("3000000")
	e.Listener.Stop()
	e.edit(`messagesizelimit: .*`, "messagesizelimit: 4000000")
	e.Listener.Start()
	e.size("4000000")
	e.Must("commit") // a new smtpd reads main.cf before the reload: this waits for the end of the daemon's commit
	reloads := e.Postfix.Reloads()
	e.Must("set", "mail/messagesizelimit=5000000")
	e.size("5000000")
	e.edit(`messagesizelimit: .*`, "messagesizelimit: 6000000")
	e.size("6000000")
	e.Must("commit")
	if n := e.Postfix.Reloads() - reloads; n != 2 {
		t.Errorf("%d reloads for a set and an edit", n)
	}
}
