package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// audit asks for an audit on the command line.
func audit(host *harness.Host, args ...string) (r control.AuditReport) {
	host.JSON(&r, append([]string{"listener", "audit"}, args...)...)
	return r
}

// lostCheckpoint kills a provider that has no checkpoint between a change and the next, so that it tells a consumer with
// the cookie of before that nothing has changed, and starts the listener on it.
func lostCheckpoint(host *harness.Host, change func()) {
	host.Wait()
	host.Listener.Stop()
	change()
	host.Slapd.Kill()
	host.Slapd.Start()
	host.Listener.Start()
}

// TestAuditFindsWhatTheProviderForgot is about fact 12 of OpenLDAP: after a kill without syncprov-checkpoint its position
// falls back, and changes that it holds are not told.
func TestAuditFindsWhatTheProviderForgot(t *testing.T) {
	t.Parallel()
	host := newHost(t, func(c *harness.SlapdConfig) { c.Checkpoint, c.Sync = "none", true }, "mailreg/audit/schedule=never")
	addPeople(host, 12, harness.PeopleDN)
	host.Wait()
	host.Slapd.Restart() // what is on disk now is its position
	host.Wait()
	lostCheckpoint(host, func() {
		host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain)
		host.Slapd.Delete(harness.DN("p02"))
		host.Slapd.AddPerson(harness.Person{UID: "late", Mail: "late@" + harness.MailDomain})
	})
	host.Wait()
	dry := audit(host, "--dry-run")
	if dry.Drift != 3 || dry.Counts["older"] != 1 || dry.Counts["extra"] != 1 || dry.Counts["missing"] != 1 || dry.Suspicion == "" {
		t.Errorf("dry run: %+v", dry)
	}
	if out := host.Must("listener", "audit"); !strings.Contains(out, "3 differences, 3 repaired") {
		t.Errorf("audit: %s", out)
	}
	host.Wait()
	checkReplica(t, host)
	checkHomes(t, host)
	if again := audit(host); again.Drift != 0 {
		t.Errorf("a second audit: %+v", again)
	}
	var status control.Status
	host.JSON(&status, "listener", "status")
	if status.Audit == nil || status.Audit.Drift != 0 || status.Audit.Entries < 12 {
		t.Errorf("status: %+v", status.Audit)
	}
}

// TestAuditByItselfAfterTheCookieWasRefused restores an older directory: OpenLDAP answers 53 to the cookie.
func TestAuditByItselfAfterTheCookieWasRefused(t *testing.T) {
	t.Parallel()
	host := newHost(t, func(c *harness.SlapdConfig) { c.Checkpoint, c.Sync = "none", true }, "mailreg/audit/schedule=never")
	addPeople(host, 5, harness.PeopleDN)
	host.Wait()
	host.Slapd.Restart()
	host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain)
	host.Wait()
	host.Slapd.Kill()
	host.Slapd.Start()
	host.Listener.Await("the audit", func() error {
		var status control.Status
		host.JSON(&status, "listener", "status")
		if status.Audit == nil || !strings.Contains(status.Audit.Cause, "cookie") {
			return errors.New("there was none")
		}
		return nil
	})
	checkReplica(t, host)
}

// TestNewlyShownEntriesArrive is about an access rule that comes to show entries, of which a provider without a session log
// says that they are unchanged.
func TestNewlyShownEntriesArrive(t *testing.T) {
	t.Parallel()
	hide := `to filter=(uid=p03) by dn.exact="` + harness.ListenerDN + `" none by * read`
	rest := []string{
		"to attrs=userPassword by self write by anonymous auth by * none",
		`to * by dn.exact="` + harness.ListenerDN + `" read by users read by anonymous auth by * none`,
	}
	host := newHost(t, func(c *harness.SlapdConfig) { c.SessionLog, c.ACL = -1, append([]string{hide}, rest...) })
	addPeople(host, 5, harness.PeopleDN)
	host.Wait()
	host.Slapd.Restart(func(c *harness.SlapdConfig) { c.ACL = rest })
	host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain) // else nothing has changed, and nothing is named
	host.Wait()
	checkReplica(t, host)
	checkHomes(t, host)
}
