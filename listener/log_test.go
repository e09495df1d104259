package listener

import (
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// diary collects the log, a line each.
type diary struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

// taken returns the lines since the last time it was asked, without times and IDs.
func (d *diary) taken() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	text := regexp.MustCompile(`time=\S+ | uuid=\S+`).ReplaceAllString(d.text.String(), "")
	d.text.Reset()
	return strings.Split(strings.TrimSpace(text), "\n")
}

// TestLog proves that what a person may have to act on is logged once, when it begins and when it is over, and that an
// address is not.
func TestLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d diary
		expect := func(want ...string) {
			t.Helper()
			if got := d.taken(); !slices.Equal(got, want) {
				t.Errorf("log:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		}
		r := newRig(t, crowd(20)...)
		r.config.Logger, r.config.URL = slog.New(slog.NewTextHandler(&d, nil)), "ldap://x"
		r.config.Workers = 1 // so that the order of the lines is known
		r.config.Guard = func() (int, int) { return 1, 5 }
		var broken atomic.Pointer[error]
		breakWith := func(err error) { broken.Store(&err) }
		breakWith(nil)
		r.target.fail = func(schema.Change) error { return *broken.Load() }
		r.start()
		r.dir.set(user(1, "other"))
		expect(`level=INFO msg="follows the directory" op=follow url=ldap://x`)

		r.pretend(errors.New("refused"))
		r.dir.cut()
		pass(time.Hour)
		expect(`level=WARN msg="session ended" op=follow err="connection lost"`, `level=WARN msg="session ended" op=follow err=refused`)
		r.honest()
		pass(2 * time.Minute)
		expect(`level=INFO msg="follows the directory" op=follow url=ldap://x`, `level=INFO msg=audit op=audit `+
			`cause="the directory server may have been started anew since the cookie was given" entries=20 drift=0 repaired=0 err=<nil>`)

		breakWith(&schema.TargetDown{Target: "dovecot", Err: errors.New("refused")})
		r.dir.set(user(30, "b"))
		pass(time.Hour)
		expect(`level=WARN msg="target is down" handler=target op=add dn="uid=u30,ou=people" target=dovecot err="dovecot is down: refused"`)
		breakWith(nil)
		pass(2 * time.Minute)
		expect(`level=INFO msg="target is up" handler=target op=add dn="uid=u30,ou=people" target=dovecot waiting=0`)

		breakWith(errors.New("no luck"))
		r.dir.set(user(32, "d"))
		pass(time.Hour)
		expect(`level=WARN msg=failed handler=target op=add dn="uid=u32,ou=people" err="no luck"`,
			`level=WARN msg="waits for a person" handler=target op=add dn="uid=u32,ou=people" err="no luck"`)
		breakWith(nil)

		r.dir.delete(ids(2, 5)...)
		expect(`level=WARN msg="changes wait for a person" handler=target op=hold count=3 err="2 of 21 stores would be taken away, more than 1"`)
		r.expectHeld(control.Held{ID: "h2", Count: 3})
	})
}
