package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	// letters is the size of the store that is renamed.
	letters = 10_000
	// renames is how often it is; the median counts.
	renames = 11
)

// BenchmarkRename measures how long the user of a large mailbox has to wait for a new address that Dovecot has just refused:
// from when the handler is called until Dovecot knows it and the store is there, in both layouts, and until the handler has
// returned. Most of the latter is the disk's, so what one small file takes to get there is shown beside it. It also compares a
// flush of Dovecot's cache inside the daemon with one by forking doveadm.
func BenchmarkRename(b *testing.B) {
	for b.Loop() {
		for _, layout := range []string{"uuid", "address"} {
			r := newRenamer(b, layout)
			var works, done []time.Duration
			for range renames {
				w, d := r.rename()
				works, done = append(works, w), append(done, d)
			}
			b.ReportMetric(milliseconds(median(works)), layout+"-works-ms")
			b.ReportMetric(milliseconds(median(done)), layout+"-done-ms")
			if layout == "address" {
				b.ReportMetric(milliseconds(r.middle(r.file)), "file-ms")
				b.ReportMetric(float64(r.middle(r.flush))/float64(r.middle(r.fork)), "x-doveadm")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

type renamer struct {
	b       *testing.B
	host    *harness.Host
	handler *mailbox.Handler
	client  *dovecot.Client
	layout  string
	count   int
}

func newRenamer(b *testing.B, layout string) *renamer {
	b.Helper()
	host := harness.NewHost(b, harness.HostConfig{NoPostfix: true, NoListener: true, Set: []string{
		"mail/dovecot/location/key=" + layout, "mail/dovecot/auth/cache_negative_ttl=1 hour",
	}})
	r := &renamer{b: b, host: host, layout: layout, client: dovecot.NewClient(host.Root())}
	r.handler = mailbox.New(mailbox.Config{Root: host.Root(), View: registry.Open(host.Root()).View})
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: r.address()})
	r.apply(schema.Change{New: r.entry()})
	homes := host.Spool.Homes()
	if len(homes) != 1 {
		b.Fatalf("homes: %q", homes)
	}
	for n := range letters {
		file := filepath.Join(host.Spool.Dir, homes[0], "Maildir/cur", fmt.Sprintf("%d.M%dP1.host:2,S", 1_700_000_000+n, n))
		if err := os.WriteFile(file, []byte("Subject: x\n\nx\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Chown(file, 5000, 5000); err != nil {
			b.Fatal(err)
		}
	}
	r.read()
	return r
}

func (r *renamer) address() string { return fmt.Sprintf("anna%d@%s", r.count, harness.MailDomain) }

func (r *renamer) entry() *schema.Entry {
	r.b.Helper()
	entries := r.host.Slapd.Entries("(uid=anna)", "*", "+")
	if len(entries) != 1 {
		r.b.Fatalf("%d entries", len(entries))
	}
	return entries[0]
}

func (r *renamer) apply(c schema.Change) {
	r.b.Helper()
	c.UUID = c.New.UUID
	if err := r.handler.Apply(r.b.Context(), c); err != nil {
		r.b.Error(err)
	}
}

// read demands that all is there under the present address.
func (r *renamer) read() {
	r.b.Helper()
	messages, err := r.host.Dovecot.Messages(r.address(), harness.Password, "INBOX")
	if err != nil || len(messages) != letters {
		r.b.Fatalf("%d messages, %v", len(messages), err)
	}
}

// rename returns when the new address worked, and when all was done.
func (r *renamer) rename() (works, done time.Duration) {
	r.b.Helper()
	change := schema.Change{Old: r.entry()}
	r.count++
	if r.held() {
		r.b.Fatalf("%s is known already", r.address())
	}
	r.host.Slapd.SetMail(harness.DN("anna"), r.address())
	change.New = r.entry()
	home := harness.HomeByID(change.New.UUID.String())
	if r.layout == "address" {
		home = harness.HomeByAddress(r.address())
	}
	over := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(over)
		r.apply(change)
		done = time.Since(begun)
	}()
	for !r.exists(home) || !r.held() {
		time.Sleep(100 * time.Microsecond)
	}
	works = time.Since(begun)
	<-over
	r.read()
	return works, done
}

func (r *renamer) exists(home string) bool {
	_, err := os.Stat(filepath.Join(r.host.Spool.Dir, home, ".mailreg-owner"))
	return err == nil
}

func (r *renamer) held() bool {
	r.b.Helper()
	name, err := schema.ParseAddress(r.address())
	if err != nil {
		r.b.Fatal(err)
	}
	held, err := r.client.Held(r.b.Context(), name)
	if err != nil {
		r.b.Fatal(err)
	}
	return held
}

// file is what the disk takes for a small file that must survive.
func (r *renamer) file() time.Duration {
	r.b.Helper()
	dir, err := os.Open(r.host.Spool.Dir)
	if err != nil {
		r.b.Fatal(err)
	}
	defer dir.Close()
	begun := time.Now()
	f, err := os.CreateTemp(dir.Name(), "floor")
	if err != nil {
		r.b.Fatal(err)
	}
	_, err = f.WriteString("x")
	if err := errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), filepath.Join(dir.Name(), "floor")), dir.Sync()); err != nil {
		r.b.Fatal(err)
	}
	return time.Since(begun)
}

func (r *renamer) flush() time.Duration {
	r.b.Helper()
	begun := time.Now()
	if err := r.client.Flush(r.b.Context(), r.address()); err != nil {
		r.b.Fatal(err)
	}
	return time.Since(begun)
}

func (r *renamer) fork() time.Duration {
	r.b.Helper()
	config := filepath.Join(r.host.Root(), "etc/dovecot/dovecot.conf")
	begun := time.Now()
	if out, err := exec.Command(harness.Program(r.b, "doveadm"), "-c", config, "auth", "cache", "flush", r.address()).CombinedOutput(); err != nil {
		r.b.Fatalf("%v: %s", err, out)
	}
	return time.Since(begun)
}

func (r *renamer) middle(measure func() time.Duration) time.Duration {
	r.b.Helper()
	var all []time.Duration
	for range renames {
		all = append(all, measure())
	}
	return median(all)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
