package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// rounds is how often each command runs; the medians are compared.
const rounds = 15

// site is a root with generated templates and declared variables of its own; its stock services are switched off.
type site struct {
	root                 string
	templates, variables int
}

// BenchmarkRegistry runs the commands of the registry as whole processes in turns with their floors: "python3 -c pass", an
// empty Go program, and consul-template rendering the same files. It prints the medians and their ratios beside what they
// shall be at most.
func BenchmarkRegistry(b *testing.B) {
	dir := b.TempDir()
	program := build(b, dir, "mailreg", "github.com/mailreg/mailreg/cmd/mailreg")
	source := filepath.Join(dir, "empty.go")
	write(b, source, "package main\n\nfunc main() {}\n")
	empty := build(b, dir, "empty", source)
	small := newSite(b, program, filepath.Join(dir, "small"), 100, 2000)
	large := newSite(b, program, filepath.Join(dir, "large"), 500, 8000)

	n := 0 // what changes from round to round
	mailreg := func(s *site, args ...string) *exec.Cmd {
		return exec.Command(program, append([]string{"--root", s.root}, args...)...)
	}
	runs := []*run{
		{name: "python3", cmd: func() *exec.Cmd { return exec.Command(harness.Program(b, "python3"), "-c", "pass") }},
		{name: "empty", cmd: func() *exec.Cmd { return exec.Command(empty) }},
		{name: "consul-template", cmd: consulTemplate(b, dir, small)},
		{name: "get", cmd: func() *exec.Cmd { return mailreg(small, "get", "bench/50/7") }},
		{name: "set unbound", cmd: func() *exec.Cmd { return mailreg(small, "set", fmt.Sprintf("free/key=%d", n)) }},
		{name: "set 20 keys", cmd: func() *exec.Cmd { return mailreg(small, append([]string{"set"}, twenty(n)...)...) }},
		{name: "commit", cmd: func() *exec.Cmd { return mailreg(small, "commit") }},
		{name: "search", cmd: func() *exec.Cmd { return mailreg(small, "search", "--all", "nothing has this") }},
		{name: "set unbound, large", cmd: func() *exec.Cmd { return mailreg(large, "set", fmt.Sprintf("free/key=%d", n)) }},
		{name: "set 20 keys, large", cmd: func() *exec.Cmd { return mailreg(large, append([]string{"set"}, twenty(n)...)...) }},
	}
	for b.Loop() {
		for range rounds {
			n++
			for _, r := range runs {
				r.once(b)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	report(b, runs)
}

// bounds are the ratios that a run of the first name must keep to the second.
var bounds = []struct {
	of, to string
	most   float64
}{
	{"get", "python3", 0.15},
	{"get", "empty", 2},
	{"set unbound", "python3", 0.35},
	{"set 20 keys", "python3", 0.6},
	{"commit", "python3", 0.3},
	{"commit", "consul-template", 1},
	{"search", "python3", 0.4},
	{"set unbound, large", "set unbound", 1.5},
	{"set 20 keys, large", "set 20 keys", 1.5},
}

func report(b *testing.B, runs []*run) {
	b.Helper()
	var text strings.Builder
	byName := map[string]*run{}
	for _, r := range runs {
		byName[r.name] = r
		fmt.Fprintf(&text, "%-20s %8.2f ms %7.1f MiB\n", r.name, r.median(), r.memory(b))
	}
	for _, bound := range bounds {
		of, to := byName[bound.of], byName[bound.to]
		if len(of.times) == 0 || len(to.times) == 0 {
			continue
		}
		ratio := of.median() / to.median()
		verdict := ""
		if ratio > bound.most {
			verdict = "  MISSED"
		}
		fmt.Fprintf(&text, "%-20s %8.3f x %s, shall be at most %g%s\n", bound.of, ratio, bound.to, bound.most, verdict)
		b.ReportMetric(ratio, strings.NewReplacer(" ", "-", ",", "").Replace(bound.of+"/"+bound.to))
	}
	fmt.Print("\n", text.String()) // Log shows the first lines only
}

// run is one of the commands, with what it took.
type run struct {
	name  string
	cmd   func() *exec.Cmd // nil leaves it out
	times []time.Duration
}

func (r *run) once(b *testing.B) {
	b.Helper()
	if r.cmd == nil {
		return
	}
	cmd := r.cmd()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	r.times = append(r.times, time.Since(start))
	if err != nil {
		b.Fatalf("%s: %v\n%s", r.name, err, out.String())
	}
}

// memory is the most that a run has in memory, in MiB, files that are mapped included. The kernel counts what its parent had
// when it was started; so it is a small one that starts it and tells. Below 10 MiB it tells its own.
func (r *run) memory(b *testing.B) float64 {
	b.Helper()
	if r.cmd == nil {
		return 0
	}
	const tell = "import resource, subprocess, sys\n" +
		"subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
	cmd := r.cmd()
	cmd.Path, cmd.Args = harness.Program(b, "python3"), append([]string{"python3", "-c", tell, cmd.Path}, cmd.Args[1:]...)
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", r.name, err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

// median is in milliseconds.
func (r *run) median() float64 {
	if len(r.times) == 0 {
		return 0
	}
	slices.Sort(r.times)
	return float64(r.times[len(r.times)/2].Microseconds()) / 1000
}

// twenty are assignments of keys that five templates read.
func twenty(n int) []string {
	var words []string
	for i := range 20 {
		words = append(words, fmt.Sprintf("bench/%d/%d=%d", i%5, i/5, n))
	}
	return words
}

// newSite makes a root on which everything was committed. Each template reads variables of its own, and all are declared.
func newSite(b *testing.B, program, root string, templates, variables int) *site {
	b.Helper()
	s := &site{root: root, templates: templates, variables: variables}
	var manifest, declarations, settings strings.Builder
	for i := range templates {
		fmt.Fprintf(&manifest, "[/etc/bench/%d.conf]\nService = bench\nFormat = shell\nTemplate = bench/%d\n", i, i)
		write(b, filepath.Join(root, "etc/mailreg/templates/bench", fmt.Sprintf("%d.tmpl", i)), s.template(i, `{{get "bench/%d/%d"}}`))
	}
	for i := range variables {
		key := fmt.Sprintf("bench/%d/%d", i%templates, i/templates)
		fmt.Fprintf(&settings, "%s=value %d\n", key, i)
		fmt.Fprintf(&declarations, "[%s]\nType = str\nDefault = none\nCategory = bench\nDescription[en] = Number %d of the benchmark.\n"+
			"Description[de] = Nummer %d der Messung.\n\n", key, i, i)
	}
	write(b, filepath.Join(root, "etc/mailreg/templates/bench.ini"), manifest.String())
	write(b, filepath.Join(root, "etc/mailreg/schema.d/bench.ini"), declarations.String())
	for _, service := range []string{"postfix", "dovecot", "cyrus", "rspamd", "spamassassin", "nginx", "clamav"} {
		fmt.Fprintf(&settings, "mailreg/service/%s=no\n", service)
	}
	write(b, filepath.Join(root, "settings"), settings.String())
	for _, args := range [][]string{{"set", "--file", "/settings"}, {"commit"}} {
		if out, err := exec.Command(program, append([]string{"--root", root}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return s
}

// template is the text of a template, which reads each of its variables once; action is how it does that.
func (s *site) template(i int, action string) string {
	var text strings.Builder
	text.WriteString("# generated\n")
	for j := range s.variables / s.templates {
		fmt.Fprintf(&text, "VALUE_%d="+action+"\n", j, i, j)
	}
	return text.String()
}

// consulTemplate renders the same files with consul-template, which make bench puts into build/bench.
func consulTemplate(b *testing.B, dir string, s *site) func() *exec.Cmd {
	b.Helper()
	program, err := filepath.Abs("../../build/bench/consul-template")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		b.Logf("consul-template is left out: %v", err)
		return nil
	}
	args := []string{"-once", "-log-level=err"}
	var env []string
	for i := range s.templates {
		from := filepath.Join(dir, "consul", fmt.Sprintf("%d.tmpl", i))
		write(b, from, s.template(i, `{{env "bench_%d_%d"}}`))
		args = append(args, "-template", from+":"+filepath.Join(dir, "consul", fmt.Sprintf("%d.conf", i)))
		for j := range s.variables / s.templates {
			env = append(env, fmt.Sprintf("bench_%d_%d=value", i, j))
		}
	}
	return func() *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
}

func write(b *testing.B, file, content string) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
}

// build makes a program the way "make build" does.
func build(b *testing.B, dir, name, source string) string {
	b.Helper()
	program := filepath.Join(dir, name)
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", source, err, out)
	}
	return program
}
