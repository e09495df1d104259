package registry_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/hook"
)

func TestReopeningChangesNoByte(t *testing.T) {
	h := newHost(t)
	h.change("name=x", "rule/1= padded ", "rule/2=two\nlines", `rule/3=$x %y "q" 'p' \ #`, "password=s3cret")
	h.unchanged(func() {
		again := openHost(t, h.root)
		view, err := again.reg.View()
		if err != nil {
			t.Fatal(err)
		}
		want(t, "rule/2", "two\nlines", view.String("rule/2"))
		out := again.commit(registry.CommitOptions{})
		want(t, "outcome", registry.Outcome{}, out)
		again.change("name=x")
	})
}

func TestChange(t *testing.T) {
	h := newHost(t)
	out := h.change("size=20", "rule/10=ten", "rule/9=nine")
	want(t, "verbs", list("Create size", "Create rule/10", "Create rule/9"), verbs(out))
	want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
	want(t, "actions", list("Reload smtpd.service"), actions(out))
	want(t, "renders", map[string]int{"/etc/smtpd/main.cf": 1}, h.set.renders)
	want(t, "main.cf", "size=\"20\"\nrule/9=\"nine\"\nrule/10=\"ten\"\n", h.read("/etc/smtpd/main.cf"))
	h.settled()

	out = h.change("size=20", "rule/9=neun", "rule/9=novem", "rule/10")
	want(t, "verbs", list("Setting size", "Setting rule/9", "Setting rule/9", "Unsetting rule/10"), verbs(out))
	want(t, "main.cf", "size=\"20\"\nrule/9=\"novem\"\n", h.read("/etc/smtpd/main.cf"))

	e := edit("rule/7=seven")
	e.Set = append(e.Set, registry.Assignment{Key: "rule/9", Value: "no", IfUnset: true}, registry.Assignment{Key: "rule/8", Value: "yes", IfUnset: true})
	e.Unset = list("never/set")
	out, err := h.reg.Change(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "verbs", list("Create rule/7", "Not updating rule/9", "Create rule/8", " never/set"), verbs(out))
	files, err := h.reg.Drives("rule/7")
	want(t, "drives", list("/etc/smtpd/main.cf"), files)
	if err != nil {
		t.Error(err)
	}
}

func TestEqualValueDoesNothing(t *testing.T) {
	h := newHost(t)
	h.change("size=20")
	h.smtpd.acts = nil
	h.unchanged(func() {
		out := h.change("size=20")
		want(t, "verbs", list("Setting size"), verbs(out))
		want(t, "files", nil, out.Files)
		want(t, "actions", nil, actions(out))
	})
	want(t, "acts", nil, h.smtpd.acts)
}

// TestBrokenTemplate keeps what it made: an edit that does not need it goes on, one that does and a commit name the error.
func TestBrokenTemplate(t *testing.T) {
	h := newHost(t)
	for _, service := range list("postfix", "dovecot", "cyrus", "saslauthd", "rspamd", "spamassassin", "nginx", "clamav") {
		h.change("mailreg/service/" + service + "=no")
	}
	h.config.Load = nil // those on disk
	h.reg = registry.New(h.config)
	h.file("/etc/mailreg/templates/x.ini", "[/etc/x]\nService = x\nFormat = lines\nTemplate = x\n[/etc/y]\nService = y\nFormat = lines\nTemplate = y\n")
	h.file("/etc/mailreg/templates/x.tmpl", `{{get "name"}}`)
	h.file("/etc/mailreg/templates/y.tmpl", `{{get "size"}}`)
	h.change("name=good")
	h.commit(registry.CommitOptions{})
	h.file("/etc/mailreg/templates/x.tmpl", `{{get "name"`)
	h.unchanged(func() {
		for what, call := range map[string]func() error{
			"commit": func() error { _, err := h.reg.Commit(t.Context(), registry.CommitOptions{}); return err },
			"edit":   func() error { _, err := h.reg.Change(t.Context(), edit("name=new")); return err },
			"diff":   func() error { _, err := h.reg.Diff(t.Context(), nil); return err },
		} {
			if err := call(); err == nil || !strings.Contains(err.Error(), "template: x:1: unclosed action") {
				t.Errorf("%s: error %v", what, err)
			}
		}
	})
	want(t, "files", list("/etc/y"), h.change("size=30").Files)
	want(t, "x", "good\n", h.read("/etc/x"))
}

// TestBrokenDeclarations keeps the last good settings for who runs, and names file and line.
func TestBrokenDeclarations(t *testing.T) {
	h := newHost(t)
	h.change("size=20")
	good, err := h.reg.View()
	if err != nil {
		t.Fatal(err)
	}
	h.file("/etc/mailreg/schema.d/a.ini", "[a]\nType = str\n[b]\nType = colour\n")
	last, err := h.reg.View()
	if err == nil || !strings.Contains(err.Error(), `a.ini:3: [b]: unknown Type "colour"`) || last != good {
		t.Errorf("view %p, want %p; error %v", last, good, err)
	}
	h.unchanged(func() {
		if _, err := h.reg.Commit(t.Context(), registry.CommitOptions{}); err == nil {
			t.Error("a commit with broken declarations went well")
		}
	})
	h.must(os.Remove(h.path("/etc/mailreg/schema.d/a.ini")))
	h.change("size=21")
	h.settled()
}

// TestDefaultsThatRefer renders what has read a default that refers to the edited key, of a variable or of a pattern.
func TestDefaultsThatRefer(t *testing.T) {
	h := newHost(t)
	h.file("/etc/mailreg/schema.d/refer.ini", "[one]\nType = str\nDefault = @%@two@%@!\n[two]\nType = str\nDefault = @%@name@%@\n"+
		"[some/.*]\nType = str\nDefault = of @%@name@%@\n")
	h.set.text["/etc/smtpd/main.cf"], h.set.text["/etc/smtpd/table"] = "one", "some/key"
	h.commit(registry.CommitOptions{})
	out := h.change("name=x")
	want(t, "files", list("/etc/imapd/imapd.conf", "/etc/mailname", "/etc/smtpd/main.cf", "/etc/smtpd/table"), out.Files)
	want(t, "main.cf", "one=\"x!\"\n", h.read("/etc/smtpd/main.cf"))
	want(t, "table", "some/key=\"of x\"\n", h.read("/etc/smtpd/table"))
	h.settled()
	want(t, "files", nil, h.change("two=x").Files)
}

func TestTableAndMap(t *testing.T) {
	h := newHost(t)
	out := h.change("entry/a=1")
	want(t, "files", list("/etc/smtpd/table"), out.Files)
	h.settled()
	if err := os.Remove(h.path("/etc/smtpd/table.db")); err != nil {
		t.Fatal(err)
	}
	out = h.commit(registry.CommitOptions{})
	want(t, "files", nil, out.Files)
	want(t, "actions", list("Reload smtpd.service"), actions(out))
	h.settled()
}

func TestLayersAndHiding(t *testing.T) {
	h := newHost(t)
	forced := edit("size=99")
	forced.Layer = registry.Forced
	if _, err := h.reg.Change(t.Context(), forced); err != nil {
		t.Fatal(err)
	}
	out := h.change("size=20")
	want(t, "hidden by", registry.Forced, out.Keys[0].HiddenBy)
	want(t, "verb", "Create", out.Keys[0].Verb)
	want(t, "files", nil, out.Files)
	want(t, "actions", nil, actions(out))
	out = h.change("size")
	want(t, "hidden by", registry.Forced, out.Keys[0].HiddenBy)
	forced = edit("size")
	forced.Layer = registry.Forced
	out, err := h.reg.Change(t.Context(), forced)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "hidden by", registry.Default, out.Keys[0].HiddenBy)
	want(t, "main.cf", "size=\"10\"\n", h.read("/etc/smtpd/main.cf"))
	policy := edit("ldap/base=dc=evil")
	policy.Layer = registry.LDAP
	out, err = h.reg.Change(t.Context(), policy)
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "ignored") {
		t.Errorf("a local key in layer ldap: %v, %v", out, err)
	}
	if view, _ := h.reg.View(); view.String("ldap/base") != "" {
		t.Error("layer ldap has set a local key")
	}
}

func TestSecrets(t *testing.T) {
	h := newHost(t)
	h.change("password=hunter2", "name=x")
	h.change("password=hunter3")
	info, err := os.Stat(h.path("/etc/mailreg/secrets.conf"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("secrets.conf: %v, %v", info, err)
	}
	for _, path := range []string{"/etc/mailreg/base.conf", "/var/lib/mailreg/transactions.log", "/var/lib/mailreg/state.json"} {
		if text := h.read(path); strings.Contains(text, "hunter") {
			t.Errorf("%s tells a secret:\n%s", path, text)
		}
	}
	if log := h.read("/var/lib/mailreg/transactions.log"); !strings.Contains(log, `"key":"password","old":"(secret)","new":"(secret)"`) {
		t.Errorf("log:\n%s", log)
	}
	_, err = h.reg.Change(t.Context(), registry.Edit{Layer: registry.Forced, Set: []registry.Assignment{{Key: "password", Value: "hunter4"}}})
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v", err)
	}
	want(t, "imapd.conf", "password=\"hunter3\"\nname=\"x\"\n", h.read("/etc/imapd/imapd.conf"))
	h.must(os.Chmod(h.path("/etc/mailreg/secrets.conf"), 0o644))
	out := h.commit(registry.CommitOptions{})
	want(t, "warnings", list("/etc/mailreg/secrets.conf was open to others (mode 0644)"), out.Warnings)
	if info, err := os.Stat(h.path("/etc/mailreg/secrets.conf")); err != nil || info.Mode() != 0o600 {
		t.Errorf("secrets.conf: %v, %v", info, err)
	}
}

func TestValuesSurviveInEveryLayer(t *testing.T) {
	h := newHost(t)
	values := map[string]string{
		"name": "two\nlines\r\n", "any/dollar": "$HOME ${x} `id`", "any/percent": "%d %% @%@name@%@", "any/quotes": `"double" 'single' \ \n`,
		"any/blanks": "  both ends\t", "any/empty": "", "any/control": "\x00\x1b\x7f", "any/ünï": "Größe 😀",
	}
	for layer := registry.Normal; layer <= registry.Forced; layer++ {
		e := registry.Edit{Layer: layer}
		for key, value := range values {
			e.Set = append(e.Set, registry.Assignment{Key: key, Value: value + layer.String()})
		}
		if layer == registry.Normal {
			e.Set = append(e.Set, registry.Assignment{Key: "password", Value: values["any/quotes"] + values["name"]})
		}
		if _, err := h.reg.Change(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		view, err := registry.New(h.config).View()
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range values {
			want(t, key, value+layer.String(), view.String(key))
		}
		want(t, "password", values["any/quotes"]+values["name"], view.String("password"))
	}
}

// TestLayerFileOnDisk looks at the file as backups and editors do: its time moves on, mode and owner stay, and what was
// saved amid a transaction is not lost.
func TestLayerFileOnDisk(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	path, old := h.path("/etc/mailreg/base.conf"), time.Now().Add(-time.Hour)
	h.must(os.Chmod(path, 0o640))
	h.must(os.Chtimes(path, old, old))
	h.change("name=y")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o640 || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("base.conf after a change: %v %v, %v", info.Mode(), info.ModTime(), err)
	}
	edited := strings.Replace(h.read("/etc/mailreg/base.conf"), "name: y", "name: by hand", 1)
	h.smtpd.check = func(string) error {
		h.file("/etc/mailreg/base.conf", edited)
		return nil
	}
	if _, err := h.reg.Change(t.Context(), edit("size=1")); err == nil || !strings.Contains(err.Error(), "base.conf has been changed meanwhile") {
		t.Errorf("error %v", err)
	}
	want(t, "base.conf", edited, h.read("/etc/mailreg/base.conf"))
}

func TestLog(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	h.change("name=y", "size=5")
	h.change("name")
	lines := strings.Split(strings.TrimSpace(h.read("/var/lib/mailreg/transactions.log")), "\n")
	tails := list(`"key":"name","new":"x"}`, `"key":"name","old":"x","new":"y"}`, `"key":"size","new":"5"}`, `"key":"name","old":"y"}`)
	for i, tail := range tails {
		if i >= len(lines) || !strings.HasSuffix(lines[i], tail) || !strings.Contains(lines[i], `"time":"2026-11-24T06:00:00Z","uid":`) {
			t.Fatalf("line %d of the log is not ...%s:\n%s", i+1, tail, strings.Join(lines, "\n"))
		}
	}
}

func TestHandEdits(t *testing.T) {
	h := newHost(t)
	h.file("/etc/smtpd/main.cf", "by hand\n")
	h.change("name=x")
	want(t, "main.cf", "by hand\n", h.read("/etc/smtpd/main.cf"))
	out := h.change("size=20")
	const kept = "/var/lib/mailreg/replaced/20261124T060000Z/etc/smtpd/main.cf"
	want(t, "warnings", list("/etc/smtpd/main.cf was edited by hand; the edited file is kept as "+kept), out.Warnings)
	want(t, "kept", "by hand\n", h.read(kept))
	h.settled()
	h.file("/etc/smtpd/main.cf", "in the same second\n")
	h.commit(registry.CommitOptions{})
	want(t, "kept", "in the same second\n", h.read(strings.Replace(kept, "Z/", "Z-2/", 1)))
	want(t, "kept before", "by hand\n", h.read(kept))
}

func TestFilesOfTheDistribution(t *testing.T) {
	h := openHost(t, t.TempDir())
	h.file("/etc/mailname", "debian\n")
	h.file("/etc/smtpd/main.cf", "size=\"10\"\n")
	h.file("/etc/mailreg/schema.d/test.ini", declarations)
	out := h.commit(registry.CommitOptions{})
	want(t, "files", list("/etc/imapd/imapd.conf", "/etc/mailname", "/etc/smtpd/table"), out.Files)
	if len(out.Warnings) != 1 || !strings.HasPrefix(out.Warnings[0], "/etc/mailname was not written by mailreg") {
		t.Errorf("warnings %q", out.Warnings)
	}
}

func TestWhen(t *testing.T) {
	h := newHost(t)
	out := h.change("extra=yes")
	want(t, "files", list("/etc/imapd/extra.conf"), out.Files)
	out = h.change("extra=no")
	want(t, "files", list("/etc/imapd/extra.conf"), out.Files)
	if _, err := os.Stat(h.path("/etc/imapd/extra.conf")); !os.IsNotExist(err) {
		t.Errorf("extra.conf is still there: %v", err)
	}
	h.settled()
	h.set.outputs = h.set.outputs[:4]
	h.reg = registry.New(h.config)
	out = h.commit(registry.CommitOptions{})
	want(t, "files", list("/etc/smtpd/table"), out.Files)
	if _, err := os.Stat(h.path("/etc/smtpd/table.db")); !os.IsNotExist(err) {
		t.Errorf("the map of a removed table is still there: %v", err)
	}
}

func TestAccountsOfAMissingService(t *testing.T) {
	h := newHost(t)
	h.set.outputs[1].Group = "no-such-group"
	_, err := h.reg.Change(t.Context(), edit("name=x"))
	if root := os.Geteuid() == 0; root && (err == nil || !strings.Contains(err.Error(), "no-such-group")) || !root && err != nil {
		t.Errorf("error %v", err)
	}
	h.imapd.absent = true
	h.change("name=x")
	h.settled()
}

func TestTableOfNoService(t *testing.T) {
	h := newHost(t)
	h.set.outputs[2].Table = "hash"
	h.unchanged(func() {
		if _, err := h.reg.Change(t.Context(), edit("name=x")); err == nil || !strings.Contains(err.Error(), "/etc/mailname: nobody knows") {
			t.Errorf("error %v", err)
		}
	})
}

func TestServiceSwitchedOff(t *testing.T) {
	h := newHost(t)
	h.change("mailreg/service/smtpd=no")
	h.unchanged(func() {
		if _, err := h.reg.Commit(t.Context(), registry.CommitOptions{Files: list("/etc/smtpd/main.cf")}); err == nil {
			t.Error("a file of a service that is switched off was committed")
		}
	})
	out := h.change("size=77", "listen=x")
	want(t, "files", nil, out.Files)
	want(t, "actions", nil, actions(out))
}

func TestActions(t *testing.T) {
	h := newHost(t)
	want(t, "restart wins", list("Restart smtpd.service"), actions(h.change("size=1", "listen=a")))
	domains := edit("domains=a b")
	if _, err := h.reg.Change(t.Context(), domains); err == nil {
		t.Error("a read-only key was set")
	}
	domains.Internal = true
	out, err := h.reg.Change(t.Context(), domains)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "no file but an action", list("Reload smtpd.service"), actions(out))
	quiet := edit("size=2")
	quiet.NoReload = true
	out, err = h.reg.Change(t.Context(), quiet)
	want(t, "no reload", nil, actions(out))
	if err != nil {
		t.Error(err)
	}
	h.smtpd.stopped = true
	want(t, "not running", list("Reload smtpd.service skipped: not running"), actions(h.change("size=3")))
	h.smtpd.absent = true
	want(t, "not installed", list("Reload smtpd.service skipped: not installed"), actions(h.change("size=4")))
	pending, err := h.reg.Pending()
	if err != nil || len(pending) > 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
	want(t, "one action for each service", list("Reload imapd.service", "Reload smtpd.service skipped: not installed"), actions(h.change("size=5", "name=z")))
	want(t, "acts", list("restart", "reload"), h.smtpd.acts)
}

func TestHandEditedLayerRestarts(t *testing.T) {
	h := newHost(t)
	h.change("listen=a")
	h.file("/etc/mailreg/base.conf", strings.Replace(h.read("/etc/mailreg/base.conf"), "listen: a", "listen: b", 1))
	h.change("name=x")
	want(t, "restart", list("Restart smtpd.service"), actions(h.commit(registry.CommitOptions{})))
	want(t, "only once", nil, actions(h.commit(registry.CommitOptions{})))
}

func TestFailedActionStaysPending(t *testing.T) {
	h := newHost(t)
	h.smtpd.act = func(context.Context) error { return errBroken }
	out, err := h.reg.Change(t.Context(), edit("size=20"))
	if !errors.Is(err, registry.ErrPending) {
		t.Fatalf("error %v", err)
	}
	want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
	want(t, "actions", list("Reload smtpd.service failed: it is broken"), actions(out))
	pending, _ := h.reg.Pending()
	want(t, "pending", map[string]string{"smtpd": "reload"}, pending)
	h.settled()
	if _, err := h.reg.Commit(t.Context(), registry.CommitOptions{}); !errors.Is(err, registry.ErrPending) {
		t.Errorf("error %v", err)
	}
	h.smtpd.act = nil
	want(t, "retried", list("Reload smtpd.service"), actions(h.commit(registry.CommitOptions{})))
	want(t, "done", nil, actions(h.commit(registry.CommitOptions{})))
}

func TestFailedVerifyGoesBack(t *testing.T) {
	h := newHost(t)
	h.change("size=20", "name=x")
	h.file("/etc/smtpd/main.cf", "by hand\n")
	failures := 1
	h.smtpd.verify = func() error {
		if failures--; failures >= 0 {
			return errBroken
		}
		return nil
	}
	before := h.tree()
	_, err := h.reg.Change(t.Context(), edit("size=21", "name=y", "entry/a=1"))
	if err == nil || errors.Is(err, registry.ErrPending) || !strings.Contains(err.Error(), "smtpd.service does not work with the new settings: it is broken") {
		t.Fatalf("error %v", err)
	}
	after := h.tree()
	for _, path := range list("/etc/mailreg/base.conf", "/etc/smtpd/main.cf", "/etc/smtpd/table", "/etc/smtpd/table.db", "/etc/mailname", "/etc/imapd/imapd.conf") {
		want(t, path, before[path], after[path])
	}
	want(t, "acts", list("reload", "reload", "reload"), h.smtpd.acts)
	log := h.read("/var/lib/mailreg/transactions.log")
	if !strings.Contains(log, `"key":"size","old":"21","new":"20","undoes":`) {
		t.Errorf("log:\n%s", log)
	}
	out := h.change("size=22")
	want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
	h.settled()
}

// TestKilledServerIsStarted is about settings from which a server dies, such as a port that another one has.
func TestKilledServerIsStarted(t *testing.T) {
	h := newHost(t)
	h.imapd.stopped = true
	h.smtpd.verify = func() error {
		h.smtpd.stopped, h.smtpd.verify = true, nil
		return errBroken
	}
	if _, err := h.reg.Change(t.Context(), edit("size=20", "name=x")); err == nil || !strings.Contains(err.Error(), "the former settings and files are back") {
		t.Errorf("error %v", err)
	}
	want(t, "acts", list("reload", "start"), h.smtpd.acts)
	want(t, "acts of a server that did not run before", nil, h.imapd.acts)
	h.settled()

	h.smtpd.verify = func() error {
		h.smtpd.stopped, h.smtpd.verify = true, nil
		h.smtpd.act = func(context.Context) error { h.smtpd.stopped = true; return errBroken }
		return errBroken
	}
	if _, err := h.reg.Change(t.Context(), edit("size=20")); err == nil {
		t.Error("accepted")
	}
	pending, _ := h.reg.Pending()
	want(t, "pending", map[string]string{"smtpd": "start"}, pending)
	h.smtpd.act = nil
	want(t, "tried again", list("Start smtpd.service"), actions(h.commit(registry.CommitOptions{})))
}

// TestInterrupted is Ctrl-C after the journal: from there the transaction goes to its end.
func TestInterrupted(t *testing.T) {
	h := newHost(t)
	for _, verdict := range []error{nil, errBroken} {
		ctx, cancel := context.WithCancel(t.Context())
		h.reg.OnStep(func(step string) {
			if step == "after journal" {
				cancel()
			}
		})
		h.smtpd.act = func(ctx context.Context) error { return ctx.Err() }
		h.smtpd.verify = func() error {
			defer func() { h.smtpd.verify = nil }()
			return verdict
		}
		_, err := h.reg.Change(ctx, edit("size=20"))
		if (err != nil) != (verdict != nil) || errors.Is(err, registry.ErrPending) {
			t.Errorf("a server that is %v: error %v", verdict, err)
		}
		h.settled()
		h.change("size")
	}
}

func TestNested(t *testing.T) {
	h := newHost(t)
	var nested error
	h.smtpd.act = func(context.Context) error {
		t.Setenv(hook.InCommit, "1")
		_, nested = h.reg.Change(t.Context(), edit("size=1"))
		return nil
	}
	h.change("size=20")
	if !errors.Is(nested, registry.ErrNested) {
		t.Errorf("a change within a commit: %v", nested)
	}
	h.smtpd.act = nil
	h.change("size=21") // the variable is still there, but no commit runs
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	var waited error
	h.smtpd.act = func(context.Context) error {
		cancel()
		_, waited = h.reg.Change(ctx, edit("size=1"))
		return nil
	}
	h.change("size=20")
	if !errors.Is(waited, context.Canceled) {
		t.Errorf("error %v", waited)
	}
}

func TestDryRunAndDiff(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	h.unchanged(func() {
		e := edit("size=20", "listen=a")
		e.DryRun = true
		out, err := h.reg.Change(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
		want(t, "actions", list("Restart smtpd.service"), actions(out))
		diffs, err := h.reg.Diff(t.Context(), nil)
		if err != nil || len(diffs) > 0 {
			t.Error(diffs, err)
		}
	})
	want(t, "acts", nil, h.smtpd.acts)
	h.file("/etc/mailname", "name=\"y\"\n")
	diffs, err := h.reg.Diff(t.Context(), list("/etc/mailname"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "diff", []registry.FileDiff{{Path: "/etc/mailname", Diff: "--- /etc/mailname\n+++ /etc/mailname\n@@ -1 +1 @@\n-name=\"y\"\n+name=\"x\"\n"}}, diffs)
	if _, err := h.reg.Diff(t.Context(), list("/etc/unknown")); err == nil {
		t.Error("diff of an unknown file")
	}
}

func TestFirstChangeOfAHost(t *testing.T) {
	h := openHost(t, t.TempDir())
	h.file("/etc/mailreg/schema.d/test.ini", declarations)
	h.set.text["/etc/imapd/imapd.conf"] = "size !"
	e := edit("fail=x")
	if _, err := h.reg.Change(t.Context(), e); err == nil {
		t.Error("a change that breaks a template was accepted")
	}
	out := h.change("size=1")
	want(t, "files of both services, whole", list("/etc/imapd/imapd.conf", "/etc/smtpd/main.cf", "/etc/smtpd/table"), out.Files)
	other := openHost(t, t.TempDir())
	other.file("/etc/mailreg/base.conf", "# mailreg layer file 1: base.conf\nfail: x\n# end of base.conf\n")
	out = other.change("name=x")
	want(t, "files", list("/etc/mailname"), out.Files)
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "imapd are not generated yet") {
		t.Errorf("warnings %q", out.Warnings)
	}
}
