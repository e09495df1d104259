package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// bound is how long a dead session may go unnoticed with the settings of these tests, with room for a busy machine.
const bound = 30 * time.Second

// watchedHost makes a host whose listener looks every second, behind a proxy.
func watchedHost(t *testing.T) (*harness.Host, *harness.Proxy) {
	t.Helper()
	host := harness.NewHost(t, harness.HostConfig{
		NoDovecot: true, NoPostfix: true, NoListener: true,
		Set: []string{
			"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mail/mailbox/backend=maildir",
			"mailreg/liveness/interval=1s", "mailreg/liveness/stall=3s",
		},
	})
	proxy := harness.NewProxy(t, host.Slapd.Port)
	host.Must("set", "ldap/uri="+proxy.URL())
	host.Listener = harness.NewListener(t, host.Sandbox)
	addPeople(host, 3, harness.PeopleDN)
	host.Wait()
	return host, proxy
}

// await waits for a state of the source.
func await(t *testing.T, host *harness.Host, what string, done func(control.Status) bool) {
	t.Helper()
	begun := time.Now()
	host.Listener.Await(what, func() error {
		var status control.Status
		host.JSON(&status, "listener", "status")
		if !done(status) {
			return fmt.Errorf("source %+v", status.Source)
		}
		return nil
	})
	if took := time.Since(begun); took > bound {
		t.Errorf("%s: after %s only", what, took)
	}
}

// TestStoppedProvider stops slapd, whose kernel goes on to answer keep-alives. That is noticed and told, and when it goes on
// nothing is missing.
func TestStoppedProvider(t *testing.T) {
	t.Parallel()
	host, _ := watchedHost(t)
	data, err := os.ReadFile(filepath.Join(host.Slapd.Dir, "slapd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	goOn := func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	t.Cleanup(goOn)
	await(t, host, "the stopped server is noticed", func(s control.Status) bool {
		return !s.Ready && s.Source.Renewals > 0
	})
	goOn()
	host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain)
	await(t, host, "it is followed again", func(s control.Status) bool { return s.Source.Phase == "persist" })
	host.Wait()
	checkReplica(t, host)
}

// TestBlackHole has the network swallow what the server sends, on all connections: neither end is told.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	host, proxy := watchedHost(t)
	proxy.Stall(harness.Both)
	host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain)
	await(t, host, "the silence is noticed", func(s control.Status) bool { return !s.Ready && s.Source.Renewals > 0 })
	proxy.Flow()
	await(t, host, "it is followed again", func(s control.Status) bool { return s.Source.Phase == "persist" })
	host.Wait()
	checkReplica(t, host)
}

// TestSilentSession has the network swallow the session alone; the probe sees that the server is ahead.
func TestSilentSession(t *testing.T) {
	t.Parallel()
	host, proxy := watchedHost(t)
	proxy.Set(harness.Cut{Way: harness.ToClient, Messages: 1, Sync: true, Stall: true})
	host.Slapd.SetMail(harness.DN("p00"), "first@"+harness.MailDomain) // strikes the session
	host.Slapd.SetMail(harness.DN("p01"), "new@"+harness.MailDomain)
	await(t, host, "the silence is noticed", func(s control.Status) bool { return s.Source.Renewals > 0 && s.Source.Phase == "persist" })
	checkReplica(t, host)
}
