package bench

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

var crowd = flag.Int("bench.crowd", 100000, "how many users the directory of BenchmarkListener has")

// users returns LDIF of n mail users, about as large as those of a real directory.
func users(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `dn: uid=user%06[1]d,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
objectClass: univentionMail
uid: user%06[1]d
cn: First%[1]d Last%[1]d
sn: Last%[1]d
mailPrimaryAddress: user%06[1]d@example.test
mailAlternativeAddress: first%[1]d.last%[1]d@example.test
univentionMailHomeServer: elsewhere.example.test
description: %[2]s

`, i, strings.Repeat("x", 300))
	}
	return b.String()
}

// BenchmarkListener follows a directory of many users with the daemon itself. They live on another server, so that no mailbox is made:
//
//	x-ldapsearch  the initial load into the durable store, as a multiple of ldapsearch for the same entries
//	MiB-anon      the most memory of its own (RssAnon) in that time; x-memory is that as a multiple of a tenth of the users'
//	restart-ms    from the start of the process until it is in step, when nothing has changed
//	x-catch-up    the same after a thousand changes, as a part of the initial load
func BenchmarkListener(b *testing.B) {
	for b.Loop() {
		few := follow(b, *crowd/10)
		many := follow(b, *crowd)
		b.ReportMetric(float64(many.load)/float64(many.floor), "x-ldapsearch")
		b.ReportMetric(float64(many.memory)/1024, "MiB-anon")
		b.ReportMetric(float64(many.memory)/float64(few.memory), "x-memory")
		b.ReportMetric(float64(many.restart.Milliseconds()), "restart-ms")
		b.ReportMetric(float64(many.catchUp)/float64(many.load), "x-catch-up")
	}
}

// figures are what was measured with one directory.
type figures struct {
	floor, load, restart, catchUp time.Duration
	// memory is in KiB.
	memory int
}

func follow(b *testing.B, n int) (f figures) {
	host := harness.NewHost(b, harness.HostConfig{
		NoDovecot: true, NoPostfix: true, NoListener: true,
		Slapd: func(c *harness.SlapdConfig) { c.LDIF, c.SessionLog = users(n), 100000 },
		Set:   []string{"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mailreg/backup/keep=0"},
	})
	f.floor = search(b, host.Slapd)
	begin := time.Now()
	host.Listener = harness.SpawnListener(b, host.Sandbox)
	f.memory = inStep(b, host, 1)
	f.load = time.Since(begin)
	host.Must("listener", "wait", "--timeout", "10m")
	again := func(times int) time.Duration {
		host.Listener.Stop()
		begin := time.Now()
		host.Listener.Spawn()
		inStep(b, host, times)
		return time.Since(begin)
	}
	f.restart = again(2)
	host.Listener.Stop()
	host.Slapd.LDIF(changes(1000))
	f.catchUp = again(3)
	host.Listener.Stop()
	b.Logf("%d users: ldapsearch %s, load %s, restart %s, catching up %s, RssAnon %d KiB", n, f.floor, f.load, f.restart, f.catchUp, f.memory)
	return f
}

func changes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "dn: uid=user%06d,ou=people,dc=example,dc=test\nchangetype: modify\nreplace: mailAlternativeAddress\nmailAlternativeAddress: other%d@example.test\n\n", i, i)
	}
	return b.String()
}

// inStep waits until the daemon has said that it follows for so many times, and returns the most anonymous memory that it
// had meanwhile in KiB. It reads the log, for asking would cost the daemon time.
func inStep(b *testing.B, host *harness.Host, times int) (most int) {
	b.Helper()
	status := fmt.Sprintf("/proc/%d/status", host.Listener.PID())
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		if data, err := os.ReadFile(status); err == nil {
			most = max(most, anonymous(string(data)))
		}
		log, _ := os.ReadFile(host.Listener.Log())
		if bytes.Count(log, []byte("follows the directory")) >= times {
			return most
		}
		<-time.After(5 * time.Millisecond)
	}
	b.Fatal("the listener is not in step")
	return 0
}

func anonymous(status string) int {
	_, after, _ := strings.Cut(status, "RssAnon:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fields[0])
	return n
}

// search returns how long ldapsearch takes for the same entries and attributes by the same control.
func search(b *testing.B, s *harness.Slapd) time.Duration {
	b.Helper()
	args := append([]string{
		"-x", "-LLL", "-H", s.URL(), "-D", harness.ListenerDN, "-w", harness.ListenerPassword, "-E", "sync=ro",
		"-b", harness.BaseDN, schema.Scope{}.Filter(),
	}, schema.Attributes()...)
	begin := time.Now()
	if err := exec.Command(harness.Program(b, "ldapsearch"), args...).Run(); err != nil {
		b.Fatalf("ldapsearch: %v", err)
	}
	return time.Since(begin)
}
