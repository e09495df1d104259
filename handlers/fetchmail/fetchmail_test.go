package fetchmail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

const mailbox = `univentionFetchmailSingle=["imap.example.com","IMAP","a","s3cret","0","0"]`

func newHandler(t *testing.T, more string, poll func(context.Context, schema.UUID, fetchmail.Delivery) (fetchmail.Result, bool, error)) (*Handler, string) {
	t.Helper()
	root := t.TempDir()
	name := filepath.Join(root, "etc/mailreg/base.conf")
	text := "# mailreg layer file 1: base.conf\ndomainname: example.test\n" + more + "hostname: mail1\n# end of base.conf\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return New(Config{Root: root, View: registry.Open(root).View, Poll: poll}), root
}

func (h *Handler) mustApply(t *testing.T, old, new *schema.Entry) {
	t.Helper()
	for range 2 {
		if err := h.Apply(t.Context(), schema.Change{UUID: schema.UUID{7}, Old: old, New: new}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestApply(t *testing.T) {
	h, root := newHandler(t, "", nil)
	e := user(mailbox)
	h.mustApply(t, nil, e)
	box := filepath.Join(root, "var/lib/mailreg/fetchmail/07000000-0000-0000-0000-000000000000.json")
	info, err := os.Stat(box)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the box: %v, %v", info, err)
	}
	h.mustApply(t, e, e)
	if again, err := os.Stat(box); err != nil || !os.SameFile(info, again) {
		t.Errorf("an unchanged box was written again (%v)", err)
	}
	if steps := h.Steps(schema.Change{UUID: schema.UUID{7}, Old: e}); !slices.Equal(steps, []string{"fetch no more mail for anna@example.test"}) {
		t.Errorf("steps %q", steps)
	}
	if err := h.spool.Write(fetchmail.Box{UUID: schema.UUID{8}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Reconcile(t.Context(), slices.Values([]*schema.Entry{e})); err != nil {
		t.Fatal(err)
	}
	if users, err := h.spool.Users(); err != nil || !slices.Equal(users, []schema.UUID{{7}}) {
		t.Errorf("after reconciling: %v, %v", users, err)
	}
	if diff, err := h.Inspect(t.Context(), e); err != nil || len(diff) > 0 {
		t.Errorf("differs: %v, %v", diff, err)
	}
	other := user(mailbox, "univentionMailHomeServer=mail2.example.test")
	h.mustApply(t, e, other)
	if _, err := os.Stat(box); !os.IsNotExist(err) {
		t.Errorf("the box is there after the home server is another one: %v", err)
	}
	err = h.Apply(t.Context(), schema.Change{UUID: schema.UUID{7}, New: user("univentionFetchmailSingle=[\"h\",\"IMAP\",\"a\",\"s3cret\\n\",\"0\",\"0\"]")})
	if !errors.Is(err, schema.ErrPartly) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a password of two lines: %v", err)
	}
	if h.Match(user()) || !h.Match(e) || h.Differs(schema.Change{Old: e, New: e}) || !h.Differs(schema.Change{Old: e, New: other}) {
		t.Error("what concerns the handler is not what it says")
	}
}

// TestLeftBehind takes the password over that a UCS host has taken out of the directory.
func TestLeftBehind(t *testing.T) {
	h, root := newHandler(t, "", nil)
	rc := "poll h with proto IMAP auth password user 'a' there with password 'p w' is 'anna@example.test' here nokeep  #UID='anna'\n"
	if err := os.WriteFile(filepath.Join(root, "etc/fetchmailrc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	h.mustApply(t, nil, user("univentionFetchmailServer=h", "univentionFetchmailProtocol=IMAP", "univentionFetchmailAddress=a"))
	if box, _, err := h.spool.Read(schema.UUID{7}); err != nil || len(box.Accounts) != 1 || box.Accounts[0].Password != "p w" {
		t.Errorf("box %+v, %v", box, err)
	}
}

// TestRun polls by a clock of its own: each user at once after a change, then every interval; one whose server hangs keeps
// nobody else waiting, and one who is gone is polled no more.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var polls []byte
		h, _ := newHandler(t, "fetchmail/interval: 100\nfetchmail/parallel: 2\n", func(ctx context.Context, uuid schema.UUID, _ fetchmail.Delivery) (fetchmail.Result, bool, error) {
			mu.Lock()
			polls = append(polls, uuid[0]+'0')
			mu.Unlock()
			if uuid[0] == 9 { // it hangs
				<-ctx.Done()
			}
			return fetchmail.Result{Failed: []string{"x"}}, false, nil
		})
		h.spool = fetchmail.Open(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			if err := h.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		seen := func() string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			got := string(polls)
			polls = nil
			return got
		}
		h.plan.due(schema.UUID{9}, time.Now())
		if got := seen(); got != "9" {
			t.Errorf("polled %s at first", got)
		}
		h.plan.due(schema.UUID{7}, time.Now())
		if got := seen(); got != "7" {
			t.Errorf("polled %s after a change", got)
		}
		time.Sleep(100 * time.Second)
		if got := seen(); got != "7" {
			t.Errorf("polled %s after an interval", got)
		}
		if notes := h.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "of 1 of 2 users") {
			t.Errorf("notes %q", notes)
		}
		h.plan.drop(schema.UUID{9})
		h.plan.drop(schema.UUID{7})
		time.Sleep(200 * time.Second)
		if got := seen(); got != "" {
			t.Errorf("polled %s, who are gone", got)
		}
		cancel()
		done.Wait()
	})
}
