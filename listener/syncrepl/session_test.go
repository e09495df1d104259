package syncrepl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSource(t *testing.T, url string) *syncrepl.Source {
	t.Helper()
	source, err := syncrepl.New(syncrepl.Config{Server: connect.Server{URLs: []string{url}}, Base: "dc=test"})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// play runs a session against a script and shows its events, one a line, and the error that ended it.
func play(t *testing.T, script func(*peer), from string) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errLate)
	defer cancel()
	shown := []string{}
	for event, err := range newSource(t, provide(t, script)).Events(ctx, []byte(from)) {
		if err != nil {
			return shown, err
		}
		shown = append(shown, show(event))
	}
	t.Fatal("the session has ended without an error")
	return nil, nil
}

func show(e listener.Event) string {
	kinds := map[listener.Kind]string{
		listener.Content: "content", listener.Present: "present", listener.Gone: "gone", listener.RefreshEnd: "end",
		listener.Position: "position", listener.Unreadable: "unreadable",
	}
	var b strings.Builder
	b.WriteString(kinds[e.Kind])
	if e.Entry != nil {
		fmt.Fprintf(&b, " %d %s", e.Entry.UUID[0], e.Entry.DN)
		for _, a := range e.Entry.Attrs {
			fmt.Fprintf(&b, " %s=%s", a.Name, strings.Join(a.Values, ","))
		}
	}
	for _, u := range e.UUIDs {
		fmt.Fprintf(&b, " %d", u[0])
	}
	if e.Kind == listener.RefreshEnd {
		fmt.Fprintf(&b, " snapshot=%t", e.Snapshot)
	}
	if len(e.Cookie) > 0 {
		fmt.Fprintf(&b, " cookie=%s", e.Cookie)
	}
	return b.String()
}

func TestSessions(t *testing.T) {
	yes, no := wire.Boolean(true), wire.Boolean(false)
	tests := map[string]struct {
		from   string // the cookie
		script func(*peer)
		want   []string
		err    error // io.EOF when nil: the script's end closes the connection
	}{
		"no cookie, delete phase": {
			script: func(p *peer) {
				p.send(entry("uid=a", "cn", "A"), stateOf(1, 1))
				p.send(info(refreshDelete, cookie("c1")))
				p.send(entry("uid=a", "cn", "B"), stateOf(2, 1, cookie("c2")))
				p.send(entry("uid=a"), stateOf(3, 1, cookie("c3")))
				p.send(info(newCookie, []byte("c4")))
			},
			want: []string{
				"content 1 uid=a cn=A",
				"end snapshot=true cookie=c1",
				"content 1 uid=a cn=B cookie=c2",
				"gone 1 cookie=c3",
				"position cookie=c4",
			},
		},
		"nothing has changed": {
			from:   "c",
			script: func(p *peer) { p.send(info(refreshDelete)) },
			want:   []string{"end snapshot=false"},
		},
		"the default of refreshDone is true, also beside a cookie": {
			from:   "c",
			script: func(p *peer) { p.send(info(refreshDelete, cookie("d"), yes)) },
			want:   []string{"end snapshot=false cookie=d"},
		},
		"delete phase": {
			from: "c",
			script: func(p *peer) {
				p.send(info(idSet, cookie("mid"), yes, set(1, 2)))
				p.send(entry("uid=b", "cn", "B"), stateOf(1, 3))
				p.send(info(refreshDelete, cookie("d")))
			},
			want: []string{"gone 1 2 cookie=mid", "content 3 uid=b cn=B", "end snapshot=false cookie=d"},
		},
		"present phase": {
			from: "c",
			script: func(p *peer) {
				p.send(info(idSet, no, set(1, 2)))
				p.send(info(idSet, set(3)))
				p.send(entry("uid=d"), stateOf(0, 4))
				p.send(info(refreshPresent, cookie("d")))
			},
			want: []string{"present 1 2", "present 3", "present 4", "end snapshot=true cookie=d"},
		},
		"present phase, then delete phase": {
			from: "c",
			script: func(p *peer) {
				p.send(info(idSet, set(1)))
				p.send(info(refreshPresent, cookie("mid"), no))
				p.send(info(idSet, yes, set(2)))
				p.send(info(refreshDelete, cookie("d")))
			},
			want: []string{"present 1", "gone 2", "end snapshot=true cookie=d"},
		},
		"a server that does not persist": {
			script: func(p *peer) {
				p.send(entry("uid=a"), stateOf(1, 1))
				p.send(result(wire.SearchDone, 0, ""), wire.Control(oidDone, false, seq(cookie("d"), yes)))
			},
			want: []string{"content 1 uid=a", "end snapshot=true cookie=d"},
			err:  syncrepl.ErrEnded,
		},
		"refreshDeletes is false by default": {
			from: "c",
			script: func(p *peer) {
				p.send(result(wire.SearchDone, 0, ""), wire.Control(oidDone, false, seq()))
			},
			want: []string{"end snapshot=true"},
			err:  syncrepl.ErrEnded,
		},
		"a search that ends later only moves the cookie": {
			script: func(p *peer) {
				p.send(info(refreshDelete, cookie("c")))
				p.send(result(wire.SearchDone, 0, ""), wire.Control(oidDone, false, seq(cookie("d"))))
			},
			want: []string{"end snapshot=true cookie=c", "position cookie=d"},
			err:  syncrepl.ErrEnded,
		},
		"a search that ends without sync done is no end of the refresh": {
			script: func(p *peer) { p.send(result(wire.SearchDone, 0, "")) },
			err:    syncrepl.ErrEnded,
		},
		"a cookie that the server could not read": {
			from: "c",
			script: func(p *peer) {
				p.send(entry("uid=a"), stateOf(1, 1))
				p.send(info(refreshDelete))
			},
			want: []string{"content 1 uid=a"},
			err:  listener.ErrCookie,
		},
		"entries with cookies of their own are a position": {
			from: "c",
			script: func(p *peer) {
				p.send(entry("uid=a"), stateOf(1, 1, cookie("c1")))
				p.send(info(refreshDelete))
			},
			want: []string{"content 1 uid=a cookie=c1", "end snapshot=false"},
		},
		"refresh required": {
			from:   "c",
			script: func(p *peer) { p.send(result(wire.SearchDone, 4096, "reload")) },
			err:    listener.ErrCookie,
		},
		"newer than the provider": {
			from:   "c",
			script: func(p *peer) { p.send(result(wire.SearchDone, 53, "consumer state is newer")) },
			err:    listener.ErrCookie,
		},
		"references and other messages are passed over": {
			script: func(p *peer) {
				p.send(wire.Element(wire.SearchReference, wire.Octets(wire.TagOctets, "ldap://b")), stateOf(1, 9))
				p.send(wire.Element(wire.SearchReference, wire.Octets(wire.TagOctets, "ldap://b")))
				p.send(wire.Element(wire.Intermediate, wire.Octets(0x80, "1.2.3"), wire.Octets(0x81, "?")))
				p.send(wire.Element(wire.Intermediate))
				p.send(info(refreshDelete, cookie("c")))
			},
			want: []string{"end snapshot=true cookie=c"},
		},
		"only what was asked for is kept": {
			script: func(p *peer) {
				p.send(entry("uid=a", "CN", "A", "jpegPhoto", "x", "cn;lang-de", "Ä", "uid", "a"), stateOf(1, 1))
			},
			want: []string{"content 1 uid=a cn=A cn;lang-de=Ä uid=a"},
		},
		"the connection ends within a message": {
			script: func(p *peer) { _, _ = p.Write([]byte("\x30\x20\x02\x01")) },
			err:    io.ErrUnexpectedEOF,
		},
		"a second end of the refresh": {
			script: func(p *peer) {
				p.send(info(refreshDelete, cookie("c")))
				p.send(info(refreshDelete, cookie("d")))
			},
			want: []string{"end snapshot=true cookie=c"},
			err:  wire.ErrFormat,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := play(t, tt.script, tt.from)
			if tt.want == nil {
				tt.want = []string{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if tt.err == nil {
				tt.err = io.EOF
			}
			if !errors.Is(err, tt.err) || !strings.HasPrefix(err.Error(), "following ldap://127.0.0.1:") {
				t.Errorf("ended with %v, want %v", err, tt.err)
			}
		})
	}
}

func TestMalformedMessagesEndTheSession(t *testing.T) {
	search := func(operation []byte, controls ...[]byte) func(*peer) {
		return func(p *peer) { p.send(operation, controls...) }
	}
	raw := func(choice byte, parts ...[]byte) func(*peer) { return search(info(choice, parts...)) }
	short := wire.Octets(wire.TagOctets, "short")
	for name, script := range map[string]func(*peer){
		"garbage": func(p *peer) { _, _ = p.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) },
		"a hostile length": func(p *peer) {
			_, _ = p.Write([]byte("\x30\x84\x7f\xff\xff\xff" + strings.Repeat("\x02", 32<<10)))
		},
		"an empty message":        func(p *peer) { _, _ = p.Write([]byte("\x30\x00")) },
		"an answer to nobody":     func(p *peer) { p.id = 99; p.send(info(refreshDelete)) },
		"another operation":       search(result(wire.BindResponse, 0, "")),
		"an entry without state":  search(entry("uid=a")),
		"sync state 7":            search(entry("uid=a"), stateOf(7, 1)),
		"a UUID of five bytes":    search(entry("uid=a"), wire.Control(oidState, false, seq(wire.Integer(wire.TagEnumerated, 1), short))),
		"a set of short UUIDs":    raw(idSet, wire.Element(wire.TagSet, short)),
		"a set of numbers":        raw(idSet, wire.Element(wire.TagSet, wire.Integer(wire.TagInteger, 1))),
		"an unknown sync info":    raw(0xa7),
		"an empty sync info":      search(wire.Element(wire.Intermediate, wire.Octets(0x80, oidInfo))),
		"a truth of two bytes":    raw(refreshDelete, wire.Octets(wire.TagBoolean, "ab")),
		"an entry that is cut":    search(wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "uid=a")), stateOf(1, 1)),
		"attributes of no shape":  search(wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "uid=a"), seq(short)), stateOf(1, 1)),
		"a result without a code": search(wire.Element(wire.SearchDone)),
	} {
		t.Run(name, func(t *testing.T) {
			events, err := play(t, script, "")
			if len(events) != 0 || !errors.Is(err, wire.ErrFormat) {
				t.Errorf("events %q, then %v", events, err)
			}
		})
	}
}

func TestRefusalWithoutCookieIsNotTheCookies(t *testing.T) {
	for _, code := range []int{4, 50, 53, 4096} {
		_, err := play(t, func(p *peer) { p.send(result(wire.SearchDone, code, "no")) }, "")
		var r *wire.Result
		if errors.Is(err, listener.ErrCookie) || !errors.As(err, &r) || r.Code != int64(code) {
			t.Errorf("result %d: %v", code, err)
		}
	}
}

// TestRefusalBehindTheRefreshIsNotTheCookies: by then the server has gone on from the cookie.
func TestRefusalBehindTheRefreshIsNotTheCookies(t *testing.T) {
	_, err := play(t, func(p *peer) {
		p.send(info(refreshDelete))
		p.send(result(wire.SearchDone, 53, "shutting down"))
	}, "c")
	if slow, ok := errors.AsType[listener.Delayer](err); errors.Is(err, listener.ErrCookie) || !ok || slow.Delay() != refusal.Refused {
		t.Error(err)
	}
}

// TestEveryRefusalHasItsBehaviour goes through package refusal's table as a session sees it.
func TestEveryRefusalHasItsBehaviour(t *testing.T) {
	for _, tt := range []struct {
		code           int
		from           string
		reload, behind bool
		pause          time.Duration
		says           string
	}{
		{3, "", false, false, refusal.Limited, "time limit"},
		{4, "c", false, false, refusal.Limited, "after 1 entries"},
		{11, "", false, false, refusal.Limited, "administrative limit"},
		{8, "", false, false, refusal.Refused, "ldap/starttls"},
		{13, "", false, false, refusal.Refused, "ldap/starttls"},
		{10, "", false, false, refusal.Refused, "does not hold"},
		{32, "", false, false, refusal.Refused, "ldap/base"},
		{50, "c", false, false, refusal.Refused, "may not search"},
		{51, "", false, false, 0, "Busy"},
		{52, "", false, false, 0, "Unavailable"},
		{53, "c", true, true, 0, "backup"},
		{53, "", false, false, refusal.Refused, "does not serve"},
		{4096, "c", true, false, 0, "cannot resume"},
		{4096, "", false, false, 0, "4096"},
	} {
		_, err := play(t, func(p *peer) {
			p.send(entry("uid=a"), stateOf(1, 1))
			p.send(result(wire.SearchDone, tt.code, "no"))
		}, tt.from)
		slow, ok := errors.AsType[listener.Delayer](err)
		if !ok || slow.Delay() != tt.pause || errors.Is(err, listener.ErrCookie) != tt.reload ||
			errors.Is(err, listener.ErrRewound) != tt.behind || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%d: %v", tt.code, err)
		}
	}
}

// TestServerThatRefusesToPersist proves that it is asked for a refresh only the next time, and the other way round again
// when it refuses that as well.
func TestServerThatRefusesToPersist(t *testing.T) {
	for _, serves := range []bool{true, false} {
		var modes []int64
		url := provide(t, func(p *peer) {
			modes = append(modes, p.mode)
			if p.mode == 3 || !serves {
				p.send(result(wire.SearchDone, 2, "only refreshes"))
				return
			}
			p.send(entry("uid=a"), stateOf(1, 1))
			p.send(result(wire.SearchDone, 0, ""), wire.Control(oidDone, false, seq(cookie("d"), wire.Boolean(true))))
		})
		source := newSource(t, url)
		var last error
		for range 4 {
			for _, err := range source.Events(t.Context(), nil) {
				last = err
			}
		}
		again, ok := errors.AsType[*listener.Again](last)
		switch {
		case serves && (!slices.Equal(modes, []int64{3, 1, 1, 1}) || !ok || again.After != 10*time.Second):
			t.Errorf("modes %v, %v", modes, last)
		case !serves && (!slices.Equal(modes, []int64{3, 1, 3, 1}) || !strings.Contains(last.Error(), "syncprov")):
			t.Errorf("modes %v, %v", modes, last)
		}
	}
}

// TestNextAddressAfterARefusal proves that a provider that lacks the base is passed over with its reason.
func TestNextAddressAfterARefusal(t *testing.T) {
	lacks := provide(t, func(p *peer) { p.send(result(wire.SearchDone, 32, "no such base")) })
	serves := provide(t, func(p *peer) { p.send(info(refreshDelete, cookie("c"))) })
	memory := connect.NewMemory()
	source, err := syncrepl.New(syncrepl.Config{
		Server: connect.Server{URLs: []string{lacks, serves}, Memory: memory}, Base: "dc=test",
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{lacks, serves, serves} {
		for _, err := range source.Events(t.Context(), nil) {
			if err == nil {
				continue
			}
			if slow, ok := errors.AsType[listener.Delayer](err); i == 0 && (!ok || slow.Delay() != 0) {
				t.Errorf("the next address waits: %v", err)
			}
		}
		if source.URL() != want {
			t.Errorf("session %d was with %s", i, source.URL())
		}
	}
	if notes := memory.Notes(); len(notes) != 1 || !strings.Contains(notes[0], lacks) || !strings.Contains(notes[0], "see ldap/base") {
		t.Errorf("notes %q", notes)
	}
}

func TestUnknownNoticesArePassedOver(t *testing.T) {
	events, err := play(t, func(p *peer) {
		search := p.id
		p.id = 0
		p.send(result(wire.ExtendedResponse, 0, "news", wire.Octets(0x8a, "1.2.3")))
		p.id = search
		p.send(info(refreshDelete, cookie("c")))
	}, "")
	if len(events) != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("%q, then %v", events, err)
	}
}

// TestEntryUnderAWrongUUID proves that a server that confuses entries is not believed.
func TestEntryUnderAWrongUUID(t *testing.T) {
	_, err := play(t, func(p *peer) {
		p.send(entry("uid=a", "entryUUID", id(1).String()), stateOf(1, 1))
		p.send(entry("uid=b", "entryUUID", id(3).String()), stateOf(1, 2))
	}, "")
	if !errors.Is(err, wire.ErrFormat) || !strings.Contains(err.Error(), "uid=b is sent as entry "+id(2).String()) {
		t.Errorf("ended with %v", err)
	}
}

func TestEntryBeyondTheBound(t *testing.T) {
	url := provide(t, func(p *peer) {
		p.send(entry("uid=big", "cn", strings.Repeat("x", 200<<10)), stateOf(1, 1, cookie("c0")))
		p.send(entry("uid=b"), stateOf(1, 2))
		p.send(info(refreshDelete, cookie("c")))
		p.send(info(idSet, wire.Octets(wire.TagOctets, strings.Repeat("x", 200<<10))))
	})
	source, err := syncrepl.New(syncrepl.Config{Server: connect.Server{URLs: []string{url}, MaxMessage: 100 << 10}, Base: "dc=test"})
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for event, err := range source.Events(t.Context(), nil) {
		if err != nil {
			if _, ok := errors.AsType[*wire.TooLarge](err); !ok {
				t.Errorf("a set beyond the bound: %v", err)
			}
			break
		}
		shown = append(shown, show(event))
		if event.Kind == listener.Unreadable && (event.DN != "uid=big" || !strings.Contains(event.Reason, "more than 102400")) {
			t.Errorf("event %+v", event)
		}
	}
	want := []string{"unreadable 1 cookie=c0", "content 2 uid=b", "end snapshot=true cookie=c"}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestStoppingCancelsWhereTheServerCan(t *testing.T) {
	cancelled := make(chan string, 1)
	url := provide(t, func(p *peer) {
		p.send(info(refreshDelete, cookie("c")))
		m, _ := p.receive()
		cancelled <- m.Value
	})
	source := newSource(t, url)
	conn, err := connect.Open(t.Context(), connect.Server{URLs: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Cancel = true
	source.Use(conn)
	for range source.Events(t.Context(), nil) {
		break
	}
	if got := <-cancelled; !strings.Contains(got, "1.3.6.1.1.8") || !strings.HasSuffix(got, "\x30\x03\x02\x01\x01") {
		t.Errorf("the server was told %q", got)
	}
}

func TestNoticeOfDisconnection(t *testing.T) {
	_, err := play(t, func(p *peer) {
		p.id = 0
		p.send(result(wire.ExtendedResponse, 52, "going down", wire.Octets(0x8a, wire.NoticeOfDisconnection)))
	}, "")
	if err == nil || !strings.Contains(err.Error(), "the server disconnects: result 52 (Unavailable): going down") {
		t.Errorf("error %v", err)
	}
}

// farewell waits for the end of the client's side and reports whether it has sent an Abandon for the search.
func farewell(p *peer) (abandoned bool) {
	for {
		m, err := p.receive()
		if err != nil {
			return abandoned
		}
		abandoned = abandoned || m.Operation == wire.AbandonRequest && m.Value == string(byte(p.id))
	}
}

func TestStoppingAbandonsTheSearch(t *testing.T) {
	abandoned := make(chan bool, 1)
	url := provide(t, func(p *peer) {
		p.send(info(refreshDelete, cookie("c")))
		abandoned <- farewell(p)
	})
	for range newSource(t, url).Events(t.Context(), nil) {
		break
	}
	if !<-abandoned {
		t.Error("the search was not abandoned")
	}
}

func TestCancellingEndsWithTheCause(t *testing.T) {
	abandoned := make(chan bool, 1)
	url := provide(t, func(p *peer) {
		p.send(info(refreshDelete, cookie("c")))
		abandoned <- farewell(p)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	cause := errors.New("shutting down")
	var last error
	for _, err := range newSource(t, url).Events(ctx, nil) {
		cancel(cause)
		last = err
	}
	if !errors.Is(last, cause) || !<-abandoned {
		t.Errorf("ended with %v", last)
	}
}

func TestSlowConsumerSlowsTheServer(t *testing.T) {
	// 256 MB are far more than sockets hold: the server must come to a halt while nobody reads.
	blocked := make(chan bool, 1)
	url := provide(t, func(p *peer) {
		big := entry("uid=a", "cn", strings.Repeat("x", 1<<20))
		for range 256 {
			if err := p.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				break
			}
			if _, err := p.Write(wire.Request(p.id, big, stateOf(1, 1))); err != nil {
				blocked <- true
				return
			}
		}
		blocked <- false
	})
	for range newSource(t, url).Events(t.Context(), nil) {
		if !<-blocked {
			t.Error("the server could send everything")
		}
		break
	}
}
