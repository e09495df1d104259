package model_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
	"github.com/mailreg/mailreg/tests/harness/child"
)

// The directory of the model: what is below inside is followed.
const (
	inside  = "ou=inside," + harness.BaseDN
	outside = "ou=outside," + harness.BaseDN
)

// folders is the LDIF of the folders that people live in.
const folders = `dn: ou=inside,dc=example,dc=test
objectClass: organizationalUnit
ou: inside

dn: ou=outside,dc=example,dc=test
objectClass: organizationalUnit
ou: outside

dn: ou=a,ou=inside,dc=example,dc=test
objectClass: organizationalUnit
ou: a

dn: ou=b,ou=inside,dc=example,dc=test
objectClass: organizationalUnit
ou: b

`

// patience bounds a wait for the listener to come to rest; it is far more than that ever takes, also when a directory that has
// fallen silent is asked in between, which the probe gives 30 s.
const patience = 90 * time.Second

// lifetime is a harness.T whose clean-up runs when the story is over, not when the test is.
type lifetime struct {
	harness.T
	cleanups []func()
}

func (l *lifetime) Cleanup(fn func()) { l.cleanups = append(l.cleanups, fn) }

func (l *lifetime) end() {
	for n := len(l.cleanups) - 1; n >= 0; n-- {
		l.cleanups[n]()
	}
	l.cleanups = nil
}

// setup is how a listener is set up.
type setup struct {
	// daemon takes the real daemon instead of the child, which is told to die and to fail.
	daemon bool
	layout string
	guard  int
	more   []string
	// staging lets the whole story happen in staging; afterwards all of it is done.
	staging bool
	// die is what the child is told before it starts.
	die string
	// strace runs the daemon under strace with these arguments: for calls on the store.
	strace []string
	// after looks at the lab when the story is over.
	after func(*lab)
}

// lab is a directory, a proxy in front of it, and a listener with an empty store and spool, for one story.
type lab struct {
	t       *lifetime
	slapd   *harness.Slapd
	proxy   *harness.Proxy
	setup   setup
	root    string
	cli     *harness.Mailreg
	control *control.Client
	spool   harness.Spool
	daemon  *harness.Listener
	// stopped is set while the listener is not to run.
	stopped bool
	// deaths counts how often the child has died as it was told to.
	deaths int
	// files are those of before the listener's start.
	files map[string]string
	// heirs are the ids whose stores an approval has joined: those of one batch of new ids that have the same name.
	heirs map[schema.UUID][]schema.UUID
	// trace is what strace has written.
	trace string
}

func newLab(t harness.T, slapd *harness.Slapd, setup setup) *lab {
	t.Helper()
	life := &lifetime{T: t}
	sandbox := harness.NewSandbox(life)
	l := &lab{
		t: life, slapd: slapd, proxy: harness.NewProxy(life, slapd.Port), setup: setup, root: sandbox.Root(),
		cli: harness.NewMailreg(life, sandbox), spool: harness.NewSpool(life, sandbox.Root()), heirs: map[schema.UUID][]schema.UUID{},
	}
	l.control = control.NewClient(filepath.Join(l.root, "run/mailreg/control.sock"))
	secret := filepath.Join(sandbox.Dir, "ldap.secret")
	if err := os.WriteFile(secret, []byte(harness.ListenerPassword+"\n"), 0o600); err != nil {
		t.Fatalf("writing the password: %v", err)
	}
	if err := os.MkdirAll(l.spool.Dir, 0o755); err != nil {
		t.Fatalf("making the spool: %v", err)
	}
	l.cli.Must(append([]string{
		"set", "--no-reload", "hostname=mail1", "domainname=example.test",
		"ldap/uri=" + l.proxy.URL(), "ldap/base=" + inside, "ldap/hostdn=" + harness.ListenerDN, "ldap/secret=" + secret, "ldap/starttls=no",
		"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mail/mailbox/backend=maildir",
		"mail/dovecot/location/uid=5000", "mail/dovecot/location/gid=5000", "mail/dovecot/location/key=" + setup.layout,
		"mail/dovecot/mailbox/rename=yes", "mail/dovecot/mailbox/delete=yes", fmt.Sprintf("mailreg/guard/count=%d", setup.guard),
	}, setup.more...)...)
	if setup.staging {
		l.cli.Must("set", "--no-reload", "mailreg/mode=staging")
		l.files = l.fingerprint()
	}
	var program []string
	if !setup.daemon {
		self, err := os.Executable()
		if err != nil {
			t.Fatalf("finding our own program: %v", err)
		}
		program = []string{self, child.Flag}
	}
	if len(setup.strace) > 0 {
		l.trace = filepath.Join(sandbox.Dir, "log/trace")
		program = append([]string{
			harness.Program(t, "strace"), "-D", "-f", "-qq", "-o", l.trace, "-P", filepath.Join(l.root, "var/lib/mailreg/listener.db"),
		}, setup.strace...)
		program = append(program, harness.Built(t, "mailreg-listener"))
	}
	l.daemon = harness.StandIn(life, sandbox, program...)
	l.tell("die", setup.die)
	l.daemon.Spawn()
	return l
}

// tell writes one of the files by which the child is told what goes wrong; an empty text takes it away.
func (l *lab) tell(name, text string) {
	l.t.Helper()
	path := filepath.Join(l.root, name)
	if text == "" {
		_ = os.Remove(path) // it may not be there
		return
	}
	// Renamed, because the child may look at any time.
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		l.t.Fatalf("telling %s: %v", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		l.t.Fatalf("telling %s: %v", name, err)
	}
}

// alive starts the listener again when it has died, as it was told to, or was stopped.
func (l *lab) alive() {
	l.t.Helper()
	for !l.daemon.Running() {
		l.buried()
		if l.trace != "" {
			l.daemon.Program = nil // it was killed by strace, or could not start, and goes on without
		}
		l.daemon.Spawn()
		harness.Await(l.t, "the listener", func() bool {
			_, err := l.control.Status(l.t.Context())
			return err == nil || !l.daemon.Running()
		})
		if !l.daemon.Running() && !l.buried() && l.trace == "" {
			l.t.Fatalf("the listener has ended by itself: see %s", l.daemon.Log())
		}
	}
	l.stopped = false
}

// buried reports whether the child has died as it was told to, once for each death.
func (l *lab) buried() bool {
	if err := os.Remove(filepath.Join(l.root, "died")); err != nil {
		return false // it has not
	}
	l.deaths++
	return true
}

// ask repeats a question until a listener that lives answers it.
func ask[Out any](l *lab, what string, question func(ctx context.Context) (Out, error)) Out {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		l.alive()
		out, err := question(ctx)
		if err == nil {
			return out
		}
		if ctx.Err() != nil {
			l.t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-time.After(5 * time.Millisecond): // it has died, or dies
		case <-ctx.Done():
		}
	}
}

// settle takes all faults of the moment away and waits until the listener has nothing to do. The last write of the
// directory is one that the listener sees, so that its cookie tells.
func (l *lab) settle() control.WaitResult {
	l.t.Helper()
	l.tell("fail", "")
	l.proxy.Unset()
	l.proxy.Refuse(false)
	l.proxy.Flow()
	if l.slapd.Process().Running() {
		l.slapd.Set("uid=stays,"+inside, "description", fmt.Sprint(time.Now().UnixNano()))
	}
	return ask(l, "waiting", l.control.Wait)
}
