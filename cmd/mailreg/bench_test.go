package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkGet runs "mailreg get" as a whole process, beside a static Go program that does nothing. It reports the
// medians of both and their ratio; the registry holds 300 variables in two layers.
func BenchmarkGet(b *testing.B) {
	dir := b.TempDir()
	empty, mailreg := filepath.Join(dir, "empty"), filepath.Join(dir, "mailreg")
	source := filepath.Join(dir, "empty.go")
	writeFile(b, source, "package main\n\nfunc main() {}\n")
	build(b, empty, source)
	build(b, mailreg, ".")
	root := filepath.Join(dir, "root")
	writeFile(b, filepath.Join(root, "etc/mailreg/base.conf"), layer("base.conf", 200))
	writeFile(b, filepath.Join(root, "etc/mailreg/base-forced.conf"), layer("base-forced.conf", 100))

	var floor, get []time.Duration
	for b.Loop() {
		floor = append(floor, run(b, empty))
		get = append(get, run(b, mailreg, "--root", root, "get", "mail/x/99"))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(floor), "ms-empty")
	b.ReportMetric(milliseconds(get), "ms-get")
	b.ReportMetric(milliseconds(get)/milliseconds(floor), "get/empty")
}

func layer(name string, n int) string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "# mailreg layer file 1: %s\n", name)
	for i := range n {
		fmt.Fprintf(&lines, "mail/x/%d: value %d\n", i, i)
	}
	fmt.Fprintf(&lines, "# end of %s\n", name)
	return lines.String()
}

func writeFile(b *testing.B, file, content string) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
}

// build makes a program the way "make build" does.
func build(b *testing.B, program, source string) {
	b.Helper()
	command := exec.Command("go", "build", "-trimpath", "-o", program, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", source, err, out)
	}
}

func run(b *testing.B, program string, args ...string) time.Duration {
	b.Helper()
	start := time.Now()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", program, err, out)
	}
	return time.Since(start)
}

// milliseconds returns the median.
func milliseconds(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
