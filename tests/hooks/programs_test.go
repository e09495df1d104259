package hooks_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// program drops a program for commits.
func (s scene) program(name, text string) {
	s.t.Helper()
	s.write("/etc/mailreg/commit.d/"+name, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(s.path("/etc/mailreg/commit.d/"+name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// TestProgramThatSets proves that a program which calls mailreg itself may read, and is refused at once when it writes.
func TestProgramThatSets(t *testing.T) {
	t.Parallel()
	s := newScene(t, "none", nil, "my/key=1")
	mailreg := s.Command().Path
	s.program("10-reads", mailreg+` get my/key >`+s.path("/read-$1"))
	s.program("20-sets", `[ "$1" = pre ] || exit 0; `+mailreg+` set my/other=1`)
	s.Refused("20-sets refuses: exit status 1: mailreg: refused: this was called by a commit that is still running", "set", "my/key=2")
	s.program("20-sets", `[ "$1" = post ] || exit 0; `+mailreg+` set my/other=1 || exit 1`)
	s.Expect(3, "Setting my/key\n", "post of /etc/mailreg/commit.d/20-sets: exit status 1: mailreg: refused", "set", "my/key=2")
	for stage, want := range map[string]string{"pre": "1\n", "post": "2\n"} {
		if got, err := os.ReadFile(s.path("/read-" + stage)); err != nil || string(got) != want {
			t.Errorf("%s: the program has read %q, %v, want %q", stage, got, err, want)
		}
	}
	if r := s.Run("get", "my/other"); r.Code != 1 {
		t.Errorf("my/other: %s", r)
	}
	r := s.Run("status")
	if r.Code != 1 || !strings.Contains(r.Stdout, "Pending: post of /etc/mailreg/commit.d/20-sets, failed since ") {
		t.Errorf("status: %s", r)
	}
	if err := os.Remove(s.path("/etc/mailreg/commit.d/20-sets")); err != nil {
		t.Fatal(err)
	}
	s.Expect(0, "", "", "commit")
	if r := s.Run("status"); strings.Contains(r.Stdout, "Pending") {
		t.Errorf("status: %s", r)
	}
}

// TestExample runs the program of docs/commit-hooks.md.
func TestExample(t *testing.T) {
	t.Parallel()
	s := newScene(t, "none", []template{{path: "/etc/mail/file", text: "{{get \"my/key\"}}\n"}}, "my/key=1")
	doc, err := os.ReadFile("../../docs/commit-hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "```sh\n#!/bin/sh\n")
	example, _, _ = strings.Cut(example, "```")
	example = strings.ReplaceAll(example, "$(printf '%s' \"$change\" | jq .transaction)", "$change") // jq is no part of the tests
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", s.path("/etc")}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "--quiet")
	git("config", "user.name", "test")
	git("config", "user.email", "test@example.test")
	s.program("50-etckeeper", example)
	s.Must("set", "my/key=2")
	if show := git("show", "HEAD:mail/file"); show != "2\n" {
		t.Errorf("git has %q", show)
	}
	if log := git("log", "--format=%s"); !strings.Contains(log, `"key":"my/key","layer":"normal","old":"1","new":"2"`) {
		t.Errorf("the log says %s", log)
	}
}
