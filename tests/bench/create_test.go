package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

const (
	createRounds = 20  // in each of which the handler and its peers take turns
	createUsers  = 100 // of each round
	createForks  = 5   // of each round
	createCalls  = 4   // at once, as the listener makes them
)

// BenchmarkCreate has the handler make the mailboxes of 2,000 users, as many at once as the listener calls it, with Dovecot
// and without:
//
//	x-mkdir    as a multiple of making the same trees by plain calls, as many at once, with an fsync of each file and each
//	           directory that holds something, and of the two directories of the rename: goal 1.5
//	x-doveadm  as a part of what forking "doveadm mailbox create" takes for each user: goal 0.05
//	ms         for each user
//
// All take turns, a hundred users at a time, and the median of the turns counts.
func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		for _, keeper := range []string{"maildir", "dovecot"} {
			c := newCreator(b, keeper)
			var ratios, forks []float64
			var ours []time.Duration
			for round := range createRounds {
				took, plain := c.round(round)
				ratios = append(ratios, float64(took)/float64(plain))
				ours = append(ours, took/createUsers)
				if keeper == "dovecot" {
					forks = append(forks, float64(took)/createUsers/float64(c.fork(round)))
				}
			}
			c.check()
			b.ReportMetric(medianOf(ratios), keeper+"-x-mkdir")
			b.ReportMetric(milliseconds(median(ours)), keeper+"-ms")
			if keeper == "dovecot" {
				b.ReportMetric(medianOf(forks), "x-doveadm")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

type creator struct {
	b       *testing.B
	host    *harness.Host
	handler *mailbox.Handler
	tree    []planted
}

// planted is one thing of a new home.
type planted struct {
	name, link string
	data       []byte
	dir        bool
}

func newCreator(b *testing.B, keeper string) *creator {
	b.Helper()
	host := harness.NewHost(b, harness.HostConfig{
		NoPostfix: true, NoListener: true, NoDovecot: keeper == "maildir", Set: []string{"mail/mailbox/backend=" + keeper},
	})
	c := &creator{b: b, host: host}
	c.handler = mailbox.New(mailbox.Config{Root: host.Root(), View: registry.Open(host.Root()).View})
	if keeper == "dovecot" {
		host.Slapd.LDIF(strings.ReplaceAll(users(createRounds*createForks), "univentionMailHomeServer: elsewhere.example.test\n", ""))
	}
	if err := errors.Join(c.apply(createRounds*createUsers), os.MkdirAll(c.plain("by-id"), 0o700), os.MkdirAll(c.plain("by-address"), 0o700)); err != nil {
		b.Fatal(err)
	}
	c.learn(filepath.Join(host.Spool.Dir, host.Spool.Homes()[0]))
	return c
}

// plain returns a place for what is made by plain calls, on the file system of the stores.
func (c *creator) plain(name string) string {
	return filepath.Join(c.host.Root(), "var/spool/plain", name)
}

// learn notes what a new home holds.
func (c *creator) learn(home string) {
	c.b.Helper()
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p := planted{name: strings.TrimPrefix(strings.TrimPrefix(path, home), "/"), dir: d.IsDir()}
		switch {
		case d.IsDir():
		case d.Type()&fs.ModeSymlink != 0:
			p.link, err = os.Readlink(path)
		default:
			p.data, err = os.ReadFile(path)
		}
		c.tree = append(c.tree, p)
		return err
	})
	if err != nil {
		c.b.Fatal(err)
	}
}

// round returns how long the users of a round take the handler, and plain calls. Who is first has to write what others have left,
// so that changes.
func (c *creator) round(n int) (ours, plain time.Duration) {
	c.b.Helper()
	if n%2 == 0 {
		ours = c.timed(n, c.apply)
		return ours, c.timed(n, c.floor)
	}
	plain = c.timed(n, c.floor)
	return c.timed(n, c.apply), plain
}

// timed returns how long the users of a round take.
func (c *creator) timed(round int, create func(n int) error) time.Duration {
	c.b.Helper()
	next := make(chan int, createUsers)
	for n := range createUsers {
		next <- round*createUsers + n
	}
	close(next)
	if err := syncDir(c.plain("by-id")); err != nil {
		c.b.Fatal(err)
	}
	begun := time.Now()
	var group sync.WaitGroup
	for range createCalls {
		group.Go(func() {
			for n := range next {
				if err := create(n); err != nil {
					c.b.Error(err)
				}
			}
		})
	}
	group.Wait()
	return time.Since(begun)
}

func (c *creator) apply(n int) error {
	e := recruit(n)
	return c.handler.Apply(c.b.Context(), schema.Change{UUID: e.UUID, New: e})
}

// recruit is the n-th user who gets a store, at home on no host by name.
func recruit(n int) *schema.Entry {
	return member(n, fmt.Sprintf("recruit%06d@%s", n, harness.MailDomain))
}

// member is the n-th user, with an address.
func member(n int, address string, more ...schema.Attribute) *schema.Entry {
	uid := fmt.Sprintf("recruit%06d", n)
	attr := func(name string, values ...string) schema.Attribute {
		return schema.Attribute{Name: name, Values: values}
	}
	return schema.NewEntry(schema.UUID{byte(n * 37), byte(n * 113), byte(n >> 8), byte(n), 1}, harness.DN(uid), append(more,
		attr("objectClass", "inetOrgPerson", schema.ClassMail), attr("uid", uid), attr(schema.AttrPrimaryAddress, address))...)
}

// floor makes what the handler has made by plain calls: the tree under another name, all of it on the disk, then the rename.
func (c *creator) floor(n int) error {
	made, place := c.plain(fmt.Sprintf(".new-%d", n)), c.plain(fmt.Sprintf("by-id/%d", n))
	for _, p := range c.tree {
		if err := plant(filepath.Join(made, p.name), p); err != nil {
			return err
		}
	}
	for _, p := range c.tree {
		if p.dir && c.holds(p.name) {
			if err := syncDir(filepath.Join(made, p.name)); err != nil {
				return err
			}
		}
	}
	return errors.Join(os.Rename(made, place), syncDir(filepath.Dir(place)), syncDir(filepath.Dir(made)),
		os.Symlink("../by-id/"+filepath.Base(place), c.plain(fmt.Sprintf("by-address/user%06d@example.test", n))))
}

func plant(path string, p planted) error {
	if p.dir {
		return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 5000, 5000))
	}
	if p.link != "" {
		return errors.Join(os.Symlink(p.link, path), os.Lchown(path, 5000, 5000))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(p.data)
	return errors.Join(err, f.Chown(5000, 5000), f.Sync(), f.Close())
}

// holds reports whether a directory of the tree holds something.
func (c *creator) holds(dir string) bool {
	for _, p := range c.tree {
		if p.name != "" && filepath.Dir(filepath.Join("/", p.name)) == filepath.Join("/", dir) {
			return true
		}
	}
	return false
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fork returns what it takes to fork doveadm for a user who has no mailbox yet.
func (c *creator) fork(round int) time.Duration {
	c.b.Helper()
	config := filepath.Join(c.host.Root(), "etc/dovecot/dovecot.conf")
	begun := time.Now()
	for n := range createForks {
		user := fmt.Sprintf("user%06d@%s", round*createForks+n, harness.MailDomain)
		out, err := exec.Command(harness.Program(c.b, "doveadm"), "-c", config, "mailbox", "create", "-u", user, "Work").CombinedOutput()
		if err != nil {
			c.b.Fatalf("%v: %s", err, out)
		}
	}
	return time.Since(begun) / createForks
}

// check demands that all stores are there.
func (c *creator) check() {
	c.b.Helper()
	marks, err := filepath.Glob(filepath.Join(c.host.Spool.Dir, "private/by-id/*/.mailreg-owner"))
	if err != nil || len(marks) != createRounds*createUsers+1 {
		c.b.Fatalf("%d stores, %v", len(marks), err)
	}
}

func medianOf(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
