package registry_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// The test binary plays programs of its own: those that are killed amid a transaction, and those that set keys side by
// side.
const (
	asChild  = "MAILREG_TEST_CHILD"
	killStep = "MAILREG_TEST_KILL"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	if os.Getenv(asChild) == "" {
		_ = flag.Set("rapid.checks", "12") // each is many transactions; make soak asks for more
		if _, err := os.Stat("/dev/shm"); err == nil {
			_ = os.Setenv("TMPDIR", "/dev/shm") // thousands of transactions need not wait for a disk
		}
		os.Exit(m.Run())
	}
	h := openHost(&testing.T{}, os.Getenv(asChild))
	if os.Getenv(asWriter) != "" {
		h = summedHost(&testing.T{}, h.root)
	}
	h.reg.OnStep(func(step string) {
		if step == os.Getenv(killStep) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	})
	_, err := h.reg.Change(context.Background(), edit(os.Args[1:]...))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(root, kill string, words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], words...)
	cmd.Env = append(os.Environ(), asChild+"="+root, killStep+"="+kill)
	return cmd
}

func TestKilled(t *testing.T) {
	for _, step := range registry.Steps {
		for _, next := range []string{"commit", "change", "recover"} {
			t.Run(step+", then "+next, func(t *testing.T) { testKilled(t, step, next) })
		}
	}
}

func testKilled(t *testing.T, step, next string) {
	h := newHost(t)
	h.change("size=1", "name=old", "extra=yes")
	h.smtpd.acts = nil
	out, err := child(h.root, step, "size=2", "name=new", "entry/a=1", "extra=no", "password=p").CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child was not killed: %v %s", err, out)
	}
	var outcome registry.Outcome
	switch next {
	case "commit":
		outcome, err = h.reg.Commit(t.Context(), registry.CommitOptions{})
	case "change":
		outcome, err = h.reg.Change(t.Context(), edit("later=1"))
	case "recover":
		outcome, err = h.reg.Recover(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	h.settled()
	view, err := h.reg.View()
	if err != nil {
		t.Fatal(err)
	}
	if step == "before journal" {
		want(t, "size", "1", view.String("size"))
		want(t, "extra.conf", "name=\"old\"\n", h.read("/etc/imapd/extra.conf"))
		want(t, "acts", nil, h.smtpd.acts)
		return
	}
	want(t, "size", "2", view.String("size"))
	want(t, "imapd.conf", "password=\"p\"\nname=\"new\"\n", h.read("/etc/imapd/imapd.conf"))
	want(t, "warnings", list("an interrupted transaction was finished"), outcome.Warnings)
	want(t, "actions", list("Reload imapd.service", "Reload smtpd.service"), actions(outcome))
	want(t, "lines of the log about size", 2, strings.Count(h.read("/var/lib/mailreg/transactions.log"), `"key":"size"`))
	h.unchanged(func() { h.commit(registry.CommitOptions{}) })
}

// TestKilledTwice kills those who finish the work of the killed as well.
func TestKilledTwice(t *testing.T) {
	h := newHost(t)
	h.change("size=1")
	for _, step := range []string{"after journal", "mid swap", "before actions", "before actions"} {
		if out, err := child(h.root, step, "size=2", "name=new").CombinedOutput(); err == nil {
			t.Fatalf("the child was not killed: %s", out)
		}
	}
	h.commit(registry.CommitOptions{})
	h.settled()
	want(t, "mailname", "name=\"new\"\n", h.read("/etc/mailname"))
}

// TestEqualToWhatIsInterrupted sets the value that is in the files still, though another one is to come: the last word is its own.
func TestEqualToWhatIsInterrupted(t *testing.T) {
	h := newHost(t)
	h.change("size=1")
	if out, err := child(h.root, "after journal", "size=2").CombinedOutput(); err == nil {
		t.Fatalf("the child was not killed: %s", out)
	}
	h.change("size=1")
	h.commit(registry.CommitOptions{})
	view, err := h.reg.View()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "size", "1", view.String("size"))
	h.settled()
}

// TestFinishedButPending passes on what the killed transaction still needs, whatever becomes of the next one.
func TestFinishedButPending(t *testing.T) {
	h := newHost(t)
	if out, err := child(h.root, "after journal", "size=2").CombinedOutput(); err == nil {
		t.Fatalf("the child was not killed: %s", out)
	}
	h.smtpd.act = func(context.Context) error { return errBroken }
	out, err := h.reg.Change(t.Context(), edit("name=new"))
	if !errors.Is(err, registry.ErrPending) {
		t.Errorf("error %v", err)
	}
	want(t, "actions", list("Reload smtpd.service failed: it is broken", "Reload imapd.service"), actions(out))
}

func TestSideBySide(t *testing.T) {
	h := newHost(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		for range 200 {
			if _, err := h.reg.View(); err != nil {
				t.Errorf("a reader: %v", err)
			}
		}
	})
	for i := range 20 {
		word := fmt.Sprintf("rule/%d=from %d", i, i)
		wait.Go(func() {
			if i%2 == 0 {
				if out, err := child(h.root, "", word, fmt.Sprintf("size=%d", i)).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			if _, err := h.reg.Change(t.Context(), edit(word, fmt.Sprintf("size=%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	h.settled()
	view, err := h.reg.View()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		want(t, "rule", fmt.Sprintf("from %d", i), view.String(fmt.Sprintf("rule/%d", i)))
	}
	want(t, "lines of the log", 40, strings.Count(h.read("/var/lib/mailreg/transactions.log"), "\n"))
}
