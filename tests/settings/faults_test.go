package settings_test

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

var everyFault = flag.Bool("faults.all", false, "whether TestFaults breaks every step in every way, instead of some in two")

// steps are the system calls by which a command changes the file system, and those by which it opens what it reads.
const steps = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat," +
	"mkdir,mkdirat,chmod,fchmod,fchmodat,chown,fchown,fchownat,fallocate,ftruncate,utimensat"

// step is the nth time that a command makes a system call on a path below the root.
type step struct {
	call, path string
	n          int
}

func (s step) String() string { return fmt.Sprintf("%s %s (%d)", s.call, s.path, s.n) }

// TestFaults breaks a set at its steps, by killing it and by errors from then on, and demands that settings and files are
// both as before or both as wanted once the next command has run, and that an error tells the file.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	all := f.trace()
	if len(all) < 60 {
		t.Fatalf("the trace has only %d steps: %v", len(all), all)
	}
	kinds := []string{"SIGKILL", "ENOSPC"}
	if *everyFault {
		kinds = append(kinds, "EROFS", "EIO")
	}
	broken := map[string]int{}
	for i, s := range all {
		for j, kind := range kinds {
			if *everyFault || i%16 == j*8 || kind == "SIGKILL" && strings.HasPrefix(s.call, "rename") {
				broken[f.check(s, kind)]++
			}
		}
	}
	t.Logf("%d steps; outcomes: %v", len(all), broken)
	for _, outcome := range []string{"refused", "before", "after"} {
		if broken[outcome] == 0 {
			t.Errorf("no fault had the outcome %q: %v", outcome, broken)
		}
	}
}

// faulty is a host on which sets are broken.
type faulty struct {
	*testing.T
	host  *harness.Host
	file  string   // for traces
	names []string // below the root, when nothing is left over
	value int      // what the last set that was to succeed has given
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{T: t, host: newHost(t), file: filepath.Join(t.TempDir(), "trace"), value: 1000000}
	f.host.Must(append([]string{"set"}, f.edit()...)...)
	f.names = slices.Sorted(maps.Keys(fingerprint(t, f.host.Root())))
	return f
}

// edit is a set of keys of several files: a plain one, one with a map, one with secrets, and two layer files.
func (f *faulty) edit() []string {
	v := fmt.Sprint(f.value)
	return []string{"mail/messagesizelimit=" + v, "mail/alias/fault=user" + v, "mail/dovecot/auth/master/password=secret" + v}
}

// trace returns the steps of a set that nothing goes wrong with.
func (f *faulty) trace() []step {
	f.Helper()
	f.value++
	if r := f.strace("-y", "-s", "0", "-e", "trace=execve,"+steps); r.Code != 0 {
		f.Fatalf("set under strace: %s", r)
	}
	data, err := os.ReadFile(f.file)
	if err != nil {
		f.Fatal(err)
	}
	line := regexp.MustCompile(`^([0-9]+) +(\w+)\((.*)`)
	path := regexp.MustCompile(`[<"](` + regexp.QuoteMeta(f.host.Root()) + `/[^">]*)[">]`)
	var all []step
	seen, others, programs := map[step]int{}, map[string]bool{}, 0
	for text := range strings.Lines(string(data)) {
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if m[2] == "execve" {
			programs++
			others[m[1]] = programs > 1 // a server's program, whose steps are its own
			continue
		}
		paths := path.FindAllStringSubmatch(m[3], -1)
		if others[m[1]] || len(paths) == 0 {
			continue
		}
		s := step{call: m[2], path: paths[len(paths)-1][1]}
		if s.call == "openat" {
			s.path = paths[0][1] // the other one is the open file
		}
		seen[s]++
		s.n = seen[s]
		all = append(all, s)
	}
	return all
}

// strace runs the set of the moment under strace.
func (f *faulty) strace(args ...string) harness.Result {
	f.Helper()
	cmd := f.host.Command(append([]string{"set"}, f.edit()...)...)
	argv := append([]string{"strace", "-f", "-qq", "-o", f.file}, args...)
	cmd.Path, cmd.Args = harness.Program(f, "strace"), append(argv, cmd.Args...)
	return f.host.RunCommand("", cmd)
}

// check breaks one set and judges what is left: "passed" when it was not broken by that, "refused" when it says so, and
// after a kill "before" or "after".
func (f *faulty) check(s step, kind string) string {
	f.Helper()
	before, former := fingerprint(f, f.host.Root()), f.value
	f.value += 1000 // no value comes twice
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d+", s.call, kind, s.n)
	if kind == "SIGKILL" {
		inject = fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", s.call, s.n)
	}
	r := f.strace("-P", s.path, "-e", "trace="+s.call, "-e", inject)
	outcome, wanted := "passed", []int{f.value}
	switch {
	case r.Code < 0:
		outcome, wanted = "killed", []int{former, f.value}
	case r.Code == 1 && strings.Contains(r.Stderr, "the next command goes on with it"):
		outcome = "goes on"
	case r.Code == 1:
		outcome, wanted = "refused", []int{former}
		f.unchanged(s, kind, before)
	case r.Code != 0 && r.Code != 3:
		f.Errorf("%s at %s: %s", kind, s, r)
	}
	if r.Code > 0 {
		f.told(s, kind, r)
	}
	if next := f.host.Run("commit"); next.Code != 0 {
		f.Fatalf("%s at %s; the next commit: %s\nthe set: %s", kind, s, next, r)
	}
	f.whole(s, kind, wanted)
	if outcome == "killed" {
		outcome = map[bool]string{true: "after", false: "before"}[f.setting("mail/messagesizelimit") == fmt.Sprint(f.value)]
	}
	if outcome == "refused" || outcome == "before" {
		f.value = former
	}
	return outcome
}

// unchanged demands that a refused set has changed no byte. Where the fault was in the way of taking something away again,
// that may be left for the next command: folders are opened for nothing else.
func (f *faulty) unchanged(s step, kind string, before map[string]string) {
	f.Helper()
	after := fingerprint(f, f.host.Root())
	info, err := os.Stat(s.path)
	stage := filepath.Join(f.host.Root(), "var/lib/mailreg/stage")
	removing := s.call == "openat" && (strings.HasPrefix(s.path, stage) || err == nil && info.IsDir())
	if strings.HasPrefix(s.call, "unlink") || removing {
		maps.DeleteFunc(after, func(name, _ string) bool { _, was := before[name]; return !was })
	}
	if diff := cmp.Diff(before, after); diff != "" {
		f.Errorf("%s at %s: refused, yet there are changes, -before +after:\n%s", kind, s, diff)
	}
}

// told demands a line that names the file, or the one that it was to become, and the fault.
func (f *faulty) told(s step, kind string, r harness.Result) {
	f.Helper()
	name := filepath.Base(s.path)
	if target, temporary := strings.CutSuffix(name, ".mailreg"); temporary {
		name = strings.TrimPrefix(target, ".")
	}
	fault := map[string]string{"ENOSPC": "no space left", "EROFS": "read-only", "EIO": "input/output error"}[kind]
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	good := func(line string) bool {
		return strings.HasPrefix(line, "mailreg: ") && strings.Contains(strings.ToLower(line), fault) && strings.Contains(line, name)
	}
	// Killed was a program of the server's, when it is not the command itself.
	if kind != "SIGKILL" && !slices.ContainsFunc(lines, good) || len(lines) > 2 {
		f.Errorf("%s at %s is told as:\n%s", kind, s, r.Stderr)
	}
}

// whole demands that settings, files, maps and the log agree on one of the values, and that nothing is left over.
func (f *faulty) whole(s step, kind string, values []int) {
	f.Helper()
	value := f.setting("mail/messagesizelimit")
	if !slices.ContainsFunc(values, func(v int) bool { return fmt.Sprint(v) == value }) {
		f.Errorf("%s at %s: the setting is %s, want one of %v", kind, s, value, values)
	}
	got := map[string]string{
		"alias": f.setting("mail/alias/fault"), "password": f.setting("mail/dovecot/auth/master/password"),
		"main.cf":      f.line("etc/postfix/main.cf", "message_size_limit = "),
		"aliases":      f.line("etc/aliases", "fault: "),
		"master-users": f.line("etc/dovecot/master-users", "dovecotadmin:{PLAIN}"),
	}
	query, err := exec.Command(harness.Program(f, "postalias"), "-c", filepath.Join(f.host.Root(), "etc/postfix"),
		"-q", "fault", "hash:"+filepath.Join(f.host.Root(), "etc/aliases")).Output()
	got["aliases.db"] = strings.TrimSpace(string(query))
	want := map[string]string{
		"alias": "user" + value, "password": "secret" + value, "main.cf": value, "aliases": "user" + value,
		"master-users": "secret" + value, "aliases.db": "user" + value,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		f.Errorf("%s at %s: settings and files, -want +got (%v):\n%s", kind, s, err, diff)
	}
	log, err := os.ReadFile(filepath.Join(f.host.Root(), "var/lib/mailreg/transactions.log"))
	if n := strings.Count(string(log), fmt.Sprintf(`"new":"%s"`, value)); err != nil || n != 1 {
		f.Errorf("%s at %s: %d lines of the log about %s (%v)", kind, s, n, value, err)
	}
	if diff := cmp.Diff(f.names, slices.Sorted(maps.Keys(fingerprint(f, f.host.Root())))); diff != "" {
		f.Errorf("%s at %s: names below the root, -before +after:\n%s", kind, s, diff)
	}
}

func (f *faulty) setting(key string) string {
	f.Helper()
	return strings.TrimSpace(f.host.Must("get", key))
}

// line returns what follows a prefix in a file.
func (f *faulty) line(path, prefix string) string {
	f.Helper()
	file, err := os.Open(filepath.Join(f.host.Root(), path))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return rest
		}
	}
	return ""
}
