//go:build boot

package boot_test

import (
	"strings"
	"testing"
)

// The release decides which unit of Postfix is the one that runs: Debian 12's postfix.service only groups instances.
func TestDebian12(t *testing.T) { story(t, "bookworm", "postfix@-.service") }

func TestDebian13(t *testing.T) { story(t, "trixie", "postfix.service") }

func story(t *testing.T, release, postfix string) {
	m := boot(t, release)
	const dovecot, spamd = "dovecot.service", "spamd.service"
	m.must("useradd", "--system", "--user-group", "dovemail") // the account that the package makes
	m.must("mailreg", "set", "hostname=mail1", "domainname=example.test", "ldap/server/name=ldap.example.test",
		"ldap/base=dc=example,dc=test", "ldap/hostdn=cn=mail1,dc=example,dc=test")

	t.Log("the unit that runs is reloaded, and once")
	reloads := m.reloads(postfix)
	m.mailreg(0, "Create mail/messagesizelimit\nFile: /etc/postfix/main.cf\nReload: "+postfix+"\n", "", "set", "mail/messagesizelimit=20971520")
	m.differ(postfix+" was reloaded", reloads, m.reloads(postfix))
	reloads = m.reloads(dovecot)
	m.mailreg(0, "Create mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nReload: dovecot.service\n", "", "set", "mail/dovecot/auth/cache_ttl=1m")
	m.differ("Dovecot was reloaded", reloads, m.reloads(dovecot))

	t.Log("what a reload does not serve is restarted")
	starts := m.starts(postfix)
	m.mailreg(0, "Create mail/postfix/inet/protocols\nFile: /etc/postfix/main.cf\nRestart: "+postfix+"\n", "", "set", "mail/postfix/inet/protocols=all")
	m.differ(postfix+" was restarted", starts, m.starts(postfix))
	m.write("/etc/mailreg/templates/own.ini", "[/etc/spamassassin/local.cf]\nService = spamassassin\nFormat = lines\nTemplate = own/local.cf\n")
	m.write("/etc/mailreg/templates/own/local.cf.tmpl", "required_score {{get \"my/score\"}}\n")
	starts = m.starts(spamd)
	m.mailreg(0, "Create my/score\nFile: /etc/spamassassin/local.cf\nRestart: spamd.service\n", "was not written by mailreg", "set", "my/score=7")
	m.differ("spamd was restarted", starts, m.starts(spamd))

	t.Log("a unit whose reload fails stays pending, and is tried again")
	m.write("/etc/systemd/system/dovecot.service.d/fails.conf", "[Service]\nExecReload=\nExecReload=/bin/false\n")
	m.must("systemctl", "daemon-reload")
	const failed = `a service action is pending: reload of dovecot.service: the job ended as "failed"`
	m.mailreg(3, "Setting mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\n", failed, "set", "mail/dovecot/auth/cache_ttl=2m")
	if status, err := m.command("mailreg", "status").Output(); err == nil || !strings.Contains(string(status), "Pending: reload of dovecot.service, failed since ") {
		t.Errorf("status: %v\n%s", err, status)
	}
	m.mailreg(3, "", failed, "commit")
	m.must("rm", "/etc/systemd/system/dovecot.service.d/fails.conf")
	m.must("systemctl", "daemon-reload")
	reloads = m.reloads(dovecot)
	m.mailreg(0, "Reload: dovecot.service\n", "", "commit")
	m.differ("Dovecot was reloaded", reloads, m.reloads(dovecot))
	m.mailreg(0, "", "", "commit")

	t.Log("a unit that was stopped, or masked, is left alone")
	m.must("systemctl", "stop", postfix)
	m.mailreg(0, "Create mail/postfix/softbounce\nFile: /etc/postfix/main.cf\nSkipped: "+postfix+" (not running)\n", "", "set", "mail/postfix/softbounce=yes")
	m.must("systemctl", "mask", "--now", dovecot)
	m.mailreg(0, "Setting mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nSkipped: dovecot.service (not running)\n", "", "set", "mail/dovecot/auth/cache_ttl=3m")

	t.Log("a server that was started by hand is told by hand")
	m.must("sh", "-c", "dovecot >/dev/null 2>&1")
	m.mailreg(0, "Setting mail/dovecot/auth/cache_ttl\nFile: /etc/dovecot/dovecot.conf\nReload: dovecot.service\n", "", "set", "mail/dovecot/auth/cache_ttl=4m")
	m.must("doveadm", "stop")

	t.Log("nothing is pending")
	if status := m.must("mailreg", "status"); !strings.HasPrefix(status, "In force: yes\n") || strings.Contains(status, "Pending") {
		t.Errorf("status: %s", status)
	}
}

// reloads tells of the last reload of a unit, starts of its last start.
func (m *machine) reloads(unit string) string {
	m.t.Helper()
	return m.must("systemctl", "show", "--property=ExecReload", unit)
}

func (m *machine) starts(unit string) string {
	m.t.Helper()
	return m.must("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", unit)
}

func (m *machine) differ(what, before, after string) {
	m.t.Helper()
	if before == after {
		m.t.Errorf("it is not so that %s: %s", what, after)
	}
}
