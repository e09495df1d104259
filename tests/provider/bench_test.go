package provider

import (
	"os/exec"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// BenchmarkInitialRefresh reads 10000 people from slapd. x-ldapsearch is its time as a multiple of that of ldapsearch for
// the same search with the same control.
func BenchmarkInitialRefresh(b *testing.B) {
	const n = 10000
	s := harness.NewSlapd(b, func(c *harness.SlapdConfig) { c.LDIF = people(n) })
	source, err := syncrepl.New(syncrepl.Config{Server: server(s), Base: harness.BaseDN, Filter: filter})
	if err != nil {
		b.Fatal(err)
	}
	var floor time.Duration
	for b.Loop() {
		b.StopTimer()
		floor += ldapsearch(b, s)
		b.StartTimer()
		seen := 0
		for event, err := range source.Events(b.Context(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			if event.Kind == listener.RefreshEnd {
				break
			}
			seen++
		}
		if seen != n {
			b.Fatalf("%d entries", seen)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-ldapsearch")
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// ldapsearch runs the same refresh by ldapsearch and returns the time that took.
func ldapsearch(b *testing.B, s *harness.Slapd) time.Duration {
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
