package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
)

// TestReport shows what people see of a transaction, above all of one that is in place but not in force.
func TestReport(t *testing.T) {
	outcome := registry.Outcome{
		Keys:  []registry.KeyOutcome{{Key: "a", Verb: "Create"}, {Key: "b", HiddenBy: registry.Forced}},
		Files: []string{"/etc/postfix/main.cf"},
		Actions: []registry.ActionOutcome{
			{Verb: "Reload", Unit: "dovecot.service"},
			{Verb: "Reload", Unit: "saslauthd.service", Skipped: "not running"},
			{Verb: "Reload", Unit: "postfix.service", Err: errors.New("it hangs")},
		},
		Warnings: []string{"the check of dovecot is left out"},
	}
	cases := []struct {
		name           string
		err            error
		code           int
		stdout, stderr string
	}{
		{
			"pending", fmt.Errorf("postfix.service: %w", registry.ErrPending), exitPending,
			"Create a\nFile: /etc/postfix/main.cf\nReload: dovecot.service\nSkipped: saslauthd.service (not running)\n",
			"W: the check of dovecot is left out\nW: b does not exist\nW: b is still set in scope \"forced\"\n" +
				"E: Reload of postfix.service failed and is pending: it hangs\n",
		},
		{"refused", errors.New("a: wrong"), exitFailed, "", "W: the check of dovecot is left out\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			a := &app{stdout: &stdout, stderr: &stderr, running: true}
			if code := a.exitCode(a.report(outcome, c.err)); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if diff := cmp.Diff(c.stdout, stdout.String()); diff != "" {
				t.Errorf("stdout: %s", diff)
			}
			if diff := cmp.Diff(c.stderr, stderr.String()); diff != "" {
				t.Errorf("stderr: %s", diff)
			}
		})
	}
}
