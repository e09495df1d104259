package page

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// evil is what a directory may hold in any of its texts.
const evil = `<script>alert(1)</script><img src=x onerror="alert(2)"></style></title>"'&amp;` + "\u202e\x1b[31m\n{{.}}"

type fake struct {
	status control.Status
	parked []control.Parked
	held   []control.Held
	err    error
}

func (f fake) Status(context.Context) (control.Status, error)   { return f.status, f.err }
func (f fake) Parked(context.Context) ([]control.Parked, error) { return f.parked, nil }
func (f fake) Held(context.Context) ([]control.Held, error)     { return f.held, nil }

func now() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func before(d time.Duration) control.Moment { return control.Moment{Time: now().Add(-d)} }

// hostile is a state in which every text is evil.
func hostile() fake {
	f := fake{status: control.Status{
		Reasons: []string{evil}, Notes: []string{evil}, Entries: 1234567, Held: 1,
		Source: control.SourceStatus{Kind: "syncrepl", URL: evil, Phase: "refresh", Lag: 90, RefreshEntries: 4000, LastMessage: before(time.Second), LastError: evil},
		Handlers: []control.HandlerStatus{{
			Name: "mailbox", Pending: 3, Parked: 1, Held: 1, Oldest: before(90 * time.Minute), LastSuccess: before(26 * time.Hour), LastError: evil,
			LastErrorAt: before(time.Minute), Paused: before(time.Hour),
			Targets: []control.TargetStatus{{Name: "doveadm", Since: before(time.Minute), Reason: evil}},
		}},
	}}
	for i := range maxParked + 7 {
		f.parked = append(f.parked, control.Parked{ID: fmt.Sprintf("p%d", i), Handler: "mailbox", DN: "cn=" + evil, Reason: evil, Since: now()})
	}
	h := control.Held{ID: "h1", Handler: "mailbox", Reason: evil, Since: now(), Count: maxHeld + 3}
	for range h.Count {
		h.Entries = append(h.Entries, control.HeldEntry{DN: "cn=" + evil})
	}
	f.held = []control.Held{h}
	return f
}

func show(t *testing.T, f fake, recent *Recent) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p := New(Config{
		API: f, Recent: recent, Host: "mail1.example.test", Version: "v1.2.3", Now: now,
		Generation: func() (int64, time.Time) { return 42, now().Add(-time.Hour) },
	})
	p.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w
}

func TestHostileNames(t *testing.T) {
	recent := &Recent{}
	recent.Acted(listener.Action{Handler: "mailbox", Op: "add", DN: evil, Outcome: listener.Parked, Reason: evil})
	w := show(t, hostile(), recent)
	body := w.Body.String()
	for _, bad := range []string{"<script", "<img", `onerror="`, "\u202e", "\x1b", "&amp;amp;lt"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(body, "&lt;script&gt;"); n < maxParked {
		t.Errorf("only %d names are shown", n)
	}
	if strings.Count(body, "</style>") != 1 || strings.Count(body, "</title>") != 1 {
		t.Error("a name ends an element")
	}
	for _, want := range []string{
		"Not ready", "and 3 more", "And 7 more", "mailreg listener approve h1", "catching up, 4\u202f000 entries so far", "1\u202f234\u202f567",
		"transaction 42, 1 hour ago", "1 day ago", "v1.2.3", "for 1 minute", "Paused 1 hour ago: mailreg listener resume mailbox", "doveadm has been down for 1 minute", "mail1.example.test", `http-equiv="refresh"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestPolicy holds that a browser runs nothing and loads nothing but the page's own style.
func TestPolicy(t *testing.T) {
	w := show(t, fake{status: control.Status{Ready: true}}, &Recent{})
	body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	_, rest, _ := strings.Cut(body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("policy %s does not allow the style", policy)
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	for _, bad := range []string{"<script", "http://", "https://", "url(", "@import", "style=", "onclick"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(body, "In step with the directory") || !strings.Contains(body, "None since the daemon has started") {
		t.Error(body)
	}
}

func TestUnreadableState(t *testing.T) {
	w := show(t, fake{err: errors.New("store <is> damaged")}, &Recent{})
	if w.Code != 500 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestRecent(t *testing.T) {
	recent := &Recent{}
	if got := recent.last(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for i := range keep + 5 {
		recent.Acted(listener.Action{Op: "add", UUID: schema.UUID{15: byte(i)}, DN: strings.Repeat("ä", 5000)})
	}
	got := recent.last()
	if len(got) != keep || got[0].UUID[15] != keep+4 || got[keep-1].UUID[15] != 5 {
		t.Errorf("%d actions, the newest %v, the oldest %v", len(got), got[0].UUID, got[len(got)-1].UUID)
	}
	if n := len([]rune(got[0].DN)); n != longest {
		t.Errorf("%d characters are kept of a DN", n)
	}
	recent.Acted(listener.Action{DN: "uid=a", Reason: "uid=a: no address"})
	if got := recent.last()[0].Reason; got != "no address" {
		t.Errorf("the reason repeats the DN: %q", got)
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Hour: "just now", 1500 * time.Millisecond: "1 second ago", 59 * time.Second: "59 seconds ago", time.Minute: "1 minute ago",
		47 * time.Hour: "1 day ago", 48 * time.Hour: "2 days ago",
	} {
		if got := ago(now().Add(-d), now()); got != want {
			t.Errorf("ago(%s) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Microsecond: "< 1 ms", 12 * time.Millisecond: "12 ms", 1234 * time.Millisecond: "1.2 s", 90 * time.Second: "1m30s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%s) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 123456: "123\u202f456"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}
