package dirsync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/dirsync"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// user returns an object with more attributes than those of a user.
func user(n byte, more map[string][]string) object {
	uuid := schema.UUID{n}
	attrs := map[string][]string{
		"objectClass": {"user"}, "objectGUID": {schema.ObjectGUID.Value(uuid)}, "mail": {fmt.Sprintf("u%d@example.test", n)},
	}
	for name, values := range more {
		attrs[name] = values
	}
	return object{uuid, fmt.Sprintf("CN=u%d,%s", n, base), attrs}
}

// told is what DirSync says of an object that has changed.
func told(o object, attrs map[string][]string) object {
	all := map[string][]string{"objectGUID": o.attrs["objectGUID"]}
	for name, values := range attrs {
		all[name] = values
	}
	return object{o.uuid, o.dn, all}
}

// follow runs a session against a fake until it ends by itself or until says so, and returns a line for each event, and
// the last cookie.
func follow(t *testing.T, f *fake, cookie []byte, until func(lines []string) bool) (lines []string, last []byte, ended error) {
	t.Helper()
	profile, err := schema.NewProfile("ad", nil)
	if err != nil {
		t.Fatal(err)
	}
	source, err := dirsync.New(dirsync.Config{
		Server: connect.Server{URLs: []string{f.serve(t)}}, Base: base, Profile: profile,
		Attributes: append(schema.Attributes(), "member"), Interval: time.Millisecond, Recount: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("no end"))
	defer cancel()
	for event, err := range source.Events(ctx, cookie) {
		if err != nil {
			return lines, last, err
		}
		switch {
		case len(event.Cookie) > 0:
			last = event.Cookie
		case event.Kind == listener.Position:
			continue // a sign of life
		}
		lines = append(lines, describe(event))
		if until != nil && until(lines) {
			return lines, last, nil
		}
	}
	t.Fatal("a session ended without an error")
	return nil, nil, nil
}

func describe(e listener.Event) string {
	switch e.Kind {
	case listener.Content:
		return strings.TrimSpace(fmt.Sprint("content ", e.Entry.UUID[0], " ", e.Entry.First("mailPrimaryAddress"), " ", strings.Join(e.Entry.Values("member"), ",")))
	case listener.Present:
		return fmt.Sprint("present ", len(e.UUIDs))
	case listener.Gone:
		return fmt.Sprint("gone ", e.UUIDs[0][0])
	case listener.RefreshBegin:
		return "begin"
	case listener.RefreshEnd:
		return fmt.Sprint("end ", e.Snapshot)
	default:
		return "position"
	}
}

// first ends a session with its first refresh.
func first(lines []string) bool { return strings.HasPrefix(lines[len(lines)-1], "end") }

func TestPagesAndRanges(t *testing.T) {
	a, b := user(1, nil), user(2, map[string][]string{"member": {"m1", "m2", "m3", "m4", "m5", "m6", "m7"}})
	f := &fake{usn: 5, deleted: true, objects: []object{a, b}, pages: []page{
		{changed: []object{a, b}, more: 1, cookie: "c1"}, {more: 1, cookie: "c2"}, {cookie: "c3"},
	}}
	lines, cookie, err := follow(t, f, nil, first)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"content 1 u1@example.test", "content 2 u2@example.test m1,m2,m3,m4,m5,m6,m7", "end true"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if want := []string{"", "c1", "c2"}; !slices.Equal(f.cookies, want) {
		t.Errorf("cookies %q, want %q", f.cookies, want)
	}

	// One was deleted in the first part of the changes, the other one has changed in the second, a third was never ours.
	c := user(3, nil)
	f.pages = []page{
		{changed: []object{told(a, map[string][]string{"isDeleted": {"TRUE"}})}, more: 1, cookie: "c4"},
		{changed: []object{told(b, map[string][]string{"member": {"m8"}}), told(c, nil)}, cookie: "c5"},
	}
	f.usn, f.cookies = 8, nil
	lines, _, err = follow(t, f, cookie, first)
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"gone 1", "content 2 u2@example.test m1,m2,m3,m4,m5,m6,m7", "gone 3", "end false"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if want := []string{"c3", "c4"}; !slices.Equal(f.cookies, want) {
		t.Errorf("cookies %q, want %q", f.cookies, want)
	}
}

func TestAServerThatWroteNothingIsNotAsked(t *testing.T) {
	f := &fake{usn: 5, deleted: true, pages: []page{{cookie: "c1"}}}
	_, _, err := follow(t, f, nil, func([]string) bool {
		go func() {
			for range 20 {
				time.Sleep(time.Millisecond) // the time in which it would be asked
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.usn = 4
		}()
		return false
	})
	if err == nil || !strings.Contains(err.Error(), "restored from a backup") {
		t.Errorf("a server that has forgotten writes: %v", err)
	}
	if len(f.cookies) != 1 {
		t.Errorf("it was asked with %q", f.cookies)
	}
}

func TestCounting(t *testing.T) {
	a, b := user(1, nil), user(2, nil)
	f := &fake{usn: 5, objects: []object{a, b}, pages: []page{{cookie: "c1"}}}
	_, cookie, err := follow(t, f, nil, first)
	if err != nil {
		t.Fatal(err)
	}
	f.usn = 6
	lines, _, err := follow(t, f, cookie, func(lines []string) bool {
		if len(lines) == 2 {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.objects, f.usn = f.objects[:1], 7
		}
		return len(lines) == 5
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"present 2", "end true", "begin", "present 1", "end true"}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	a := user(1, nil)
	_, cookie, err := follow(t, &fake{usn: 5, deleted: true, pages: []page{{cookie: "c1"}}}, nil, first)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		page   page
		cookie []byte
		want   error
		code   int64
	}{
		"no rights":            {page: page{code: 50, bare: true}, code: 50},
		"no rights any more":   {page: page{code: 50, bare: true}, cookie: cookie, code: 50},
		"bad cookie":           {page: page{code: 53, bare: true}, cookie: cookie, want: listener.ErrCookie, code: 53},
		"unwilling":            {page: page{code: 53, bare: true}, code: 53},
		"no control":           {page: page{bare: true}, want: wire.ErrFormat},
		"no cookie":            {page: page{}, want: wire.ErrFormat},
		"an entry without id":  {page: page{changed: []object{{dn: base}}, cookie: "c2"}, cookie: cookie},
		"an entry with half":   {page: page{changed: []object{{dn: base, attrs: map[string][]string{"objectGUID": {"half"}}}}, cookie: "c2"}, cookie: cookie},
		"a failure in the end": {page: page{changed: []object{a}, code: 51, bare: true}, cookie: cookie, code: 51},
	} {
		lines, _, err := follow(t, &fake{usn: 6, deleted: true, pages: []page{tt.page}}, tt.cookie, nil)
		var result *wire.Result
		switch {
		case err == nil, len(lines) > 0:
			t.Errorf("%s: %v, then %v", name, lines, err)
		case tt.want != nil && !errors.Is(err, tt.want), tt.want == nil && errors.Is(err, listener.ErrCookie):
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		case tt.code != 0 && (!errors.As(err, &result) || result.Code != tt.code):
			t.Errorf("%s: %v, want result %d", name, err, tt.code)
		}
	}
}

func TestBaseOutsideOfEveryContext(t *testing.T) {
	f := &fake{usn: 5, pages: []page{{cookie: "c1"}}}
	source, err := dirsync.New(dirsync.Config{Server: connect.Server{URLs: []string{f.serve(t)}}, Base: "DC=other,DC=test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range source.Events(t.Context(), nil) {
		if err == nil || !strings.Contains(err.Error(), "in none of the server's naming contexts") {
			t.Errorf("error %v", err)
		}
	}
	if _, err := dirsync.New(dirsync.Config{Base: "nonsense"}); err == nil {
		t.Error("a base that is no DN was taken")
	}
	if _, err := dirsync.New(dirsync.Config{Base: base, Filter: "(objectClass="}); err == nil {
		t.Error("a filter that is none was taken")
	}
}
