package bench

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/syncrepl"
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
//	x-cpu         the same in processor time
//	x-bare        what a reader of ours needs that only decodes, as a multiple of that ldapsearch
//	MiB-anon      the most memory of its own (RssAnon) in that time; x-memory is that as a multiple of a tenth of the users'
//	x-memory-all  the same up to when all of it is acknowledged as well
//	restart-ms    from the start of the process until it is in step, when nothing has changed
//	nolog-ms      the same when the server keeps no session log; present-ms when something has changed as well, so that it names all
//	x-catch-up    the same after a thousand changes, as a part of the initial load; x-catch-cpu in processor time of both ends
func BenchmarkListener(b *testing.B) {
	for b.Loop() {
		few := follow(b, *crowd/10)
		many := follow(b, *crowd)
		b.ReportMetric(float64(many.load.wall)/float64(many.floor.wall), "x-ldapsearch")
		b.ReportMetric(float64(many.load.cpu)/float64(many.floor.cpu), "x-cpu")
		b.ReportMetric(float64(many.bare)/float64(many.floor.wall), "x-bare")
		b.ReportMetric(float64(many.memory)/1024, "MiB-anon")
		b.ReportMetric(float64(many.memory)/float64(few.memory), "x-memory")
		b.ReportMetric(float64(many.memoryAll)/float64(few.memoryAll), "x-memory-all")
		b.ReportMetric(float64(many.restart.wall.Milliseconds()), "restart-ms")
		b.ReportMetric(float64(many.noLog.wall.Milliseconds()), "nolog-ms")
		b.ReportMetric(float64(many.present.wall.Milliseconds()), "present-ms")
		b.ReportMetric(float64(many.catchUp.wall)/float64(many.load.wall), "x-catch-up")
		b.ReportMetric(float64(many.catchUp.cpu)/float64(many.load.cpu), "x-catch-cpu")
	}
	b.ReportMetric(0, "ns/op")
}

// spent is the time of one run: by the clock, and of the processors for both ends.
type spent struct{ wall, cpu time.Duration }

// figures are what was measured with one directory.
type figures struct {
	floor, load, restart, noLog, present, catchUp spent

	bare time.Duration
	// memory and memoryAll are in KiB.
	memory, memoryAll int
}

// floors is how often each floor is measured; the medians count. The first runs warm the server up.
const floors = 5

func follow(b *testing.B, n int) (f figures) {
	host := harness.NewHost(b, harness.HostConfig{
		NoDovecot: true, NoPostfix: true, NoListener: true,
		Slapd: func(c *harness.SlapdConfig) { c.LDIF, c.SessionLog = users(n), 100000 },
		Set:   []string{"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mailreg/backup/keep=0"},
	})
	f.floor, f.bare = floor(b, host.Slapd)
	host.Listener = harness.StandIn(b, host.Sandbox)
	started := 0
	start := func() spent {
		before, begin := used(b, host.Slapd.Process().PID()), time.Now()
		host.Listener.Spawn()
		most := watchMemory(host.Listener.PID())
		started++
		inStep(b, host, started)
		s := spent{time.Since(begin), used(b, host.Listener.PID()) + used(b, host.Slapd.Process().PID()) - before}
		if started == 1 {
			f.memory = int(most.Load())
		}
		host.Must("listener", "wait", "--timeout", "80s")
		f.memoryAll = max(f.memoryAll, int(most.Load()))
		host.Listener.Stop()
		return s
	}
	f.load = start()
	f.restart = middle(start(), start(), start())
	caughtUp := func() spent {
		host.Slapd.LDIF(changes(1000))
		return start()
	}
	f.catchUp = middle(caughtUp(), caughtUp(), caughtUp())
	host.Slapd.Restart(func(c *harness.SlapdConfig) { c.SessionLog = -1 })
	f.noLog = middle(start(), start(), start())
	host.Slapd.LDIF(changes(1))
	f.present = start()
	b.Logf("%d users: ldapsearch %s, bare reader %s, load %s, restart %s, without session log %s, and with a change %s, catching up %s, RssAnon %d KiB, later %d KiB",
		n, f.floor.wall, f.bare, f.load.wall, f.restart.wall, f.noLog.wall, f.present.wall, f.catchUp.wall, f.memory, f.memoryAll)
	return f
}

// floor runs ldapsearch and the bare reader in turns.
func floor(b *testing.B, s *harness.Slapd) (spent, time.Duration) {
	b.Helper()
	var runs []spent
	var bare []time.Duration
	for range floors {
		runs, bare = append(runs, search(b, s)), append(bare, read(b, s))
	}
	return middle(runs...), percentile(bare, 50)
}

// read returns how long a reader of ours takes for a refresh that only decodes it.
func read(b *testing.B, s *harness.Slapd) time.Duration {
	b.Helper()
	source, err := syncrepl.New(syncrepl.Config{Server: server(s), Base: harness.BaseDN})
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	for event, err := range source.Events(b.Context(), nil) {
		if err != nil {
			b.Fatal(err)
		}
		if event.Kind == listener.RefreshEnd {
			break
		}
	}
	return time.Since(begin)
}

// used returns how much processor time a process has used.
func used(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(after) // from the third of proc_pid_stat(5) on; utime and stime are the 14th and 15th, in 1/100 s
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// middle returns the medians of several runs.
func middle(runs ...spent) spent {
	var wall, cpu []time.Duration
	for _, r := range runs {
		wall, cpu = append(wall, r.wall), append(cpu, r.cpu)
	}
	return spent{percentile(wall, 50), percentile(cpu, 50)}
}

func changes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "dn: uid=user%06d,ou=people,dc=example,dc=test\nchangetype: modify\nreplace: mailAlternativeAddress\nmailAlternativeAddress: other%d@example.test\n\n", i, i)
	}
	return b.String()
}

// inStep waits until the daemon has said that it follows for so many times. It reads the log, for asking would cost the
// daemon time.
func inStep(b *testing.B, host *harness.Host, times int) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		log, _ := os.ReadFile(host.Listener.Log())
		if bytes.Count(log, []byte("follows the directory")) >= times {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	b.Fatal("the listener is not in step")
}

// watchMemory keeps the most anonymous memory in KiB that a process has had so far, until it ends.
func watchMemory(pid int) *atomic.Int64 {
	most := new(atomic.Int64)
	go func() {
		for {
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			now := anonymous(string(data))
			if now == 0 {
				return // it has ended
			}
			most.Store(max(most.Load(), int64(now)))
			<-time.After(5 * time.Millisecond)
		}
	}()
	return most
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
func search(b *testing.B, s *harness.Slapd) spent {
	b.Helper()
	args := append([]string{
		"-x", "-LLL", "-H", s.URL(), "-D", harness.ListenerDN, "-w", harness.ListenerPassword, "-E", "sync=ro",
		"-b", harness.BaseDN, schema.Scope{}.Filter(),
	}, schema.Attributes()...)
	cmd := exec.Command(harness.Program(b, "ldapsearch"), args...)
	before, begin := used(b, s.Process().PID()), time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("ldapsearch: %v", err)
	}
	wall := time.Since(begin)
	return spent{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() + used(b, s.Process().PID()) - before}
}
