package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry"
)

// program drops an executable script into commit.d. It notes its argument and what it reads in /heard, then runs the text.
func (h *host) program(name, text string) {
	h.Helper()
	h.file("/etc/mailreg/commit.d/"+name, fmt.Sprintf("#!/bin/sh\nread -r line\nprintf '%%s\\n' \"%s $1 $line\" >>'%s'\n%s\n", name, h.path("/heard"), text))
	if err := os.Chmod(h.path("/etc/mailreg/commit.d/"+name), 0o755); err != nil {
		h.Fatal(err)
	}
}

// heard returns what programs were told since the last call, "NAME STAGE" and the change.
func (h *host) heard() (who []string, changes []string) {
	h.Helper()
	data, err := os.ReadFile(h.path("/heard"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		h.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		who, changes = append(who, words[0]+" "+words[1]), append(changes, words[2])
	}
	if err := os.Remove(h.path("/heard")); err != nil {
		h.Fatal(err)
	}
	return who, changes
}

func TestProgramsHearOfChanges(t *testing.T) {
	h := newHost(t)
	h.change("name=old", "gone=1")
	h.program("20-second", "")
	h.program("10-first", "")
	h.change("name=a \"b\"\n<c>", "new=", "gone", "password=geheim")
	who, changes := h.heard()
	want(t, "who", list("10-first pre", "20-second pre", "10-first post", "20-second post"), who)
	pre := `{"transaction":3,"stage":"pre","layer":"normal","changes":[` +
		`{"key":"name","layer":"normal","old":"old","new":"a \"b\"\n\u003cc\u003e"},{"key":"new","layer":"normal","new":""},` +
		`{"key":"password","layer":"normal","new":"(secret)"},{"key":"gone","layer":"normal","old":"1"}],` +
		`"files":["/etc/imapd/imapd.conf","/etc/mailname"],"services":["imapd"]}`
	post := strings.Replace(pre, `"pre"`, `"post"`, 1)
	want(t, "changes", list(pre, pre, post, post), changes)
	// Nothing happens, or nothing shall happen.
	h.change("new=")
	h.commit(registry.CommitOptions{})
	if _, err := h.reg.Change(t.Context(), registry.Edit{Set: []registry.Assignment{{Key: "new", Value: "2"}}, DryRun: true}); err != nil {
		t.Error(err)
	}
	who, _ = h.heard()
	want(t, "who", nil, who)
	// A commit has no layer, and leaving out services leaves out no program.
	h.set.text["/etc/mailname"] = "new name"
	h.commit(registry.CommitOptions{NoReload: true})
	_, changes = h.heard()
	want(t, "a commit", `{"transaction":4,"stage":"post","changes":[],"files":["/etc/mailname"],"services":[]}`, changes[3])
}

func TestProgramRefuses(t *testing.T) {
	h := newHost(t)
	h.program("10-no", `echo "not on a friday" >&2; exit 3`)
	h.program("20-never", "")
	h.unchanged(func() {
		_, err := h.reg.Change(t.Context(), edit("name=x"))
		if err == nil || !strings.Contains(err.Error(), "/etc/mailreg/commit.d/10-no refuses: exit status 3: not on a friday") {
			t.Errorf("error %v", err)
		}
		who, _ := h.heard()
		want(t, "who", list("10-no pre"), who)
	})
}

func TestProgramFailsAfterwards(t *testing.T) {
	h := newHost(t)
	fails := `[ "$1" = pre ] || [ -e ` + h.path("/well") + ` ] || { echo no network; exit 1; }`
	h.program("10-well", "")
	h.program("20-fails", fails)
	for _, name := range list("a", "b") {
		out, err := h.reg.Change(t.Context(), edit("name="+name))
		if !errors.Is(err, registry.ErrPending) || !strings.Contains(err.Error(), "post of /etc/mailreg/commit.d/20-fails: exit status 1: no network") {
			t.Errorf("error %v", err)
		}
		want(t, "actions", list("Reload imapd.service", "Post /etc/mailreg/commit.d/20-fails failed: exit status 1: no network"), actions(out))
	}
	_, changes := h.heard()
	first, second := changes[3], changes[7]
	status := h.reg.Status(t.Context())
	if len(status.Pending) != 2 || status.InForce() || status.Pending[0].Unit != "/etc/mailreg/commit.d/20-fails" ||
		status.Pending[0].Since.IsZero() || !strings.Contains(status.Pending[0].Error, "no network") {
		t.Errorf("status %+v", status.Pending)
	}
	if _, err := h.reg.Commit(t.Context(), registry.CommitOptions{}); !errors.Is(err, registry.ErrPending) {
		t.Errorf("error %v", err)
	}
	_, changes = h.heard()
	want(t, "told again", list(first), changes)
	h.file("/well", "")
	h.commit(registry.CommitOptions{})
	_, changes = h.heard()
	want(t, "told again", list(first, second), changes)
	h.commit(registry.CommitOptions{})
	if who, _ := h.heard(); who != nil || !h.reg.Status(t.Context()).InForce() {
		t.Errorf("%v was told once more", who)
	}
}

// TestProgramsAfterAKill proves that whoever finishes a killed transaction tells the programs of it.
func TestProgramsAfterAKill(t *testing.T) {
	h := newHost(t)
	h.program("10-well", "")
	if out, err := child(h.root, "before actions", "name=x").CombinedOutput(); err == nil {
		t.Fatalf("the child was not killed: %s", out)
	}
	who, _ := h.heard()
	want(t, "who", list("10-well pre"), who)
	h.change("other=1")
	who, changes := h.heard()
	want(t, "who", list("10-well post", "10-well pre", "10-well post"), who)
	if !strings.Contains(changes[0], `"key":"name"`) {
		t.Errorf("told %s", changes[0])
	}
}

// TestProgramThatHangs proves that the time limit ends a program with what it has started.
func TestProgramThatHangs(t *testing.T) {
	h := newHost(t)
	h.change("mailreg/commit/timeout=300ms")
	h.program("10-hangs", "sleep 1000 & echo $! >"+h.path("/child")+"; wait")
	start := time.Now()
	_, err := h.reg.Change(t.Context(), edit("name=x"))
	if err == nil || !strings.Contains(err.Error(), "10-hangs refuses: it took longer than 300ms") || time.Since(start) > 20*time.Second {
		t.Errorf("error %v", err)
	}
	child := strings.TrimSpace(h.read("/child"))
	for deadline := time.Now().Add(10 * time.Second); ; {
		state, err := os.ReadFile(filepath.Join("/proc", child, "stat"))
		if err != nil || strings.Contains(string(state), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child goes on: %s", state)
		}
	}
}

// TestWhatIsNoProgram shows what is passed over, and of what a person is told.
func TestWhatIsNoProgram(t *testing.T) {
	h := newHost(t)
	h.program("10-yes", "")
	h.program("20-no.sh", "")
	h.program("30-no~", "")
	h.program("40-open", "")
	h.program("50-plain", "")
	dir := h.path("/etc/mailreg/commit.d")
	err := errors.Join(os.Chmod(dir+"/40-open", 0o775), os.Chmod(dir+"/50-plain", 0o644),
		os.Symlink("10-yes", dir+"/60-link"), os.Mkdir(dir+"/70-folder", 0o755))
	if err != nil {
		t.Fatal(err)
	}
	out := h.change("name=x")
	who, _ := h.heard()
	want(t, "who", list("10-yes pre", "10-yes post"), who)
	want(t, "warnings", list("/etc/mailreg/commit.d/40-open is left out: it can be written by others (mode 0775)"), out.Warnings)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	out = h.change("name=y")
	who, _ = h.heard()
	want(t, "who", nil, who)
	want(t, "warnings", list("the programs of /etc/mailreg/commit.d are left out: it can be written by others (mode 0777)"), out.Warnings)
}

// TestProgramEnvironment proves that programs get what is documented and nothing of their caller's.
func TestProgramEnvironment(t *testing.T) {
	h := newHost(t)
	t.Setenv("SECRET_OF_THE_CALLER", "x")
	t.Setenv("LANG", "de_DE.UTF-8")
	h.program("10-env", "env | grep -v '^\\(PWD\\|_\\|SHLVL\\|OLDPWD\\)=' | sort >"+h.path("/env")+"; pwd >>"+h.path("/env"))
	h.change("name=x")
	want(t, "environment", "LANG=de_DE.UTF-8\nMAILREG_IN_COMMIT=1\nMAILREG_ROOT="+h.root+"\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n/\n", h.read("/env"))
}

// TestNoticeIsJSON proves that any value survives the way to a program.
func TestNoticeIsJSON(t *testing.T) {
	h := newHost(t)
	value := "\x00\x01 \u2028 <&> 'ä' \\ \" \n\t"
	h.program("10-cat", "printf '%s' \"$line\" >"+h.path("/line"))
	h.change("name=" + value)
	var told struct{ Changes []struct{ New string } }
	if err := json.Unmarshal([]byte(h.read("/line")), &told); err != nil || len(told.Changes) != 1 || told.Changes[0].New != value {
		t.Errorf("told %+v, %v", told, err)
	}
}

// TestEditedWhileAsked: what somebody saves while a program is asked is not overwritten.
func TestEditedWhileAsked(t *testing.T) {
	for _, file := range list("/etc/mailreg/base.conf", "/etc/mailname") {
		h := newHost(t)
		h.change("name=a")
		edited := strings.Replace(h.read(file), "name", "my own", 1)
		h.file("/edited", edited)
		h.program("10-slow", "cp '"+h.path("/edited")+"' '"+h.path(file)+"'")
		if _, err := h.reg.Change(t.Context(), edit("name=b")); err == nil || !strings.Contains(err.Error(), file+" has been changed meanwhile; try again") {
			t.Errorf("%s: error %v", file, err)
		}
		want(t, file, edited, h.read(file))
	}
}

// TestProgramThatChatters: of endless output a short line is kept, and nothing that turns a terminal around.
func TestProgramThatChatters(t *testing.T) {
	h := newHost(t)
	h.program("10-chatters", `[ "$1" = pre ] && exit
printf 'first\r\n\033[31mred\n' >&2
yes 'no reason at all' | head -c 3000000 >&2
exit 1`)
	out, err := h.reg.Change(t.Context(), edit("name=x"))
	if !errors.Is(err, registry.ErrPending) || len(err.Error()) > 4000 || !strings.Contains(err.Error(), "exit status 1: first; ") || strings.ContainsAny(err.Error(), "\r\033\n") {
		t.Errorf("error of %d bytes: %.300q; %d actions", len(err.Error()), err, len(out.Actions))
	}
	if size := len(h.read("/var/lib/mailreg/state.json")); size > 10000 {
		t.Errorf("the state has %d bytes", size)
	}
}

// TestProgramThatFloods: what a program prints is held in memory, so there is an end to it before the time is up.
func TestProgramThatFloods(t *testing.T) {
	h := newHost(t)
	h.program("10-floods", "exec yes")
	start := time.Now()
	_, err := h.reg.Change(t.Context(), edit("name=x"))
	if err == nil || !strings.Contains(err.Error(), "10-floods refuses: it printed more than 64 MiB: y; y") || time.Since(start) > 30*time.Second {
		t.Errorf("error %v", err)
	}
}

// TestProgramThatNeverWorks: a program that always fails hangs no commit for longer than one run, and is told in order.
func TestProgramThatNeverWorks(t *testing.T) {
	h := newHost(t)
	h.program("10-fails", `[ "$1" = pre ] || [ -e `+h.path("/well")+` ]`)
	for _, name := range list("a", "b", "c") {
		if _, err := h.reg.Change(t.Context(), edit("name="+name)); !errors.Is(err, registry.ErrPending) {
			t.Error(err)
		}
	}
	h.heard()
	if _, err := h.reg.Commit(t.Context(), registry.CommitOptions{}); !errors.Is(err, registry.ErrPending) {
		t.Error(err)
	}
	who, _ := h.heard()
	want(t, "who", list("10-fails post"), who)
	h.file("/well", "")
	h.commit(registry.CommitOptions{})
	_, changes := h.heard()
	if len(changes) != 3 || !strings.Contains(changes[0], `"new":"a"`) || !strings.Contains(changes[2], `"new":"c"`) {
		t.Errorf("told %q", changes)
	}
	want(t, "in force", true, h.reg.Status(t.Context()).InForce())
}
