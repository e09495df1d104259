package notice

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
)

// state is an API that says what it is told to say.
type state struct {
	reasons []string
	held    []control.Held
	parked  []control.Parked
	err     error
}

func (s *state) Status(context.Context) (control.Status, error) {
	return control.Status{Ready: len(s.reasons) == 0, Reasons: s.reasons}, s.err
}
func (s *state) Held(context.Context) ([]control.Held, error)     { return s.held, nil }
func (s *state) Parked(context.Context) ([]control.Parked, error) { return s.parked, nil }

func (s *state) park(ids ...string) {
	s.parked = nil
	for _, id := range ids {
		s.parked = append(s.parked, control.Parked{ID: id, Handler: "mailbox", DN: "uid=" + id, Reason: "bad", Since: time.Now()})
	}
}

// rig is a watch that looks once a minute, in a bubble.
type rig struct {
	state
	t    *testing.T
	path string
	fail error
	told []string
	stop func()
}

func (r *rig) start() {
	w := New(Config{
		API: &r.state, Path: r.path, Host: "mail1", Interval: func() time.Duration { return time.Minute },
		Deliver: func(_ context.Context, m Message) (bool, error) {
			if r.fail == nil {
				r.told = append(r.told, strings.TrimPrefix(m.Subject(), "mailreg on mail1: "))
			}
			return r.fail == nil, r.fail
		},
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	}
	synctest.Wait()
}

// want lets minutes pass and compares what was told.
func (r *rig) want(minutes int, want ...string) {
	r.t.Helper()
	time.Sleep(time.Duration(minutes)*time.Minute + time.Second)
	synctest.Wait()
	if !slices.Equal(r.told, want) {
		r.t.Errorf("told %q, want %q", r.told, want)
	}
	r.told = nil
}

func story(t *testing.T, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, path: filepath.Join(t.TempDir(), "told.json")}
		r.start()
		fn(r)
		r.stop()
	})
}

func TestProblemsAreToldOnceAndTheirEndToo(t *testing.T) {
	story(t, func(r *rig) {
		r.park("p1")
		r.held = []control.Held{{ID: "h1", Handler: "mailbox", Count: 30, Reason: "too many"}}
		r.reasons = []string{"source: down"}
		r.want(3, "not in step, 1 held, 1 parked")
		r.want(200)
		r.reasons = []string{"source: down for longer"}
		r.want(10)
		r.state = state{}
		r.want(10, "3 over, all is well again")
		r.want(200)
	})
}

func TestPassingProblemsAreNotTold(t *testing.T) {
	story(t, func(r *rig) {
		for range 20 {
			r.reasons = []string{"source: connecting"}
			r.want(1)
			r.reasons = nil
			r.want(1)
		}
	})
}

func TestManyAreGathered(t *testing.T) {
	story(t, func(r *rig) {
		var ids []string
		messages := 0
		for i := range 600 {
			ids = append(ids, fmt.Sprintf("p%d", i))
			r.park(ids...)
			time.Sleep(time.Minute)
			synctest.Wait()
			messages += len(r.told)
			r.told = nil
		}
		if messages < 8 || messages > 20 {
			t.Errorf("%d messages in ten hours of trouble", messages)
		}
	})
}

func TestRestartTellsNothingTwice(t *testing.T) {
	story(t, func(r *rig) {
		r.park("p1", "p2")
		r.want(3, "2 parked")
		r.stop()
		r.park("p2", "p3")
		r.start()
		r.want(3, "1 over", "1 parked")
	})
}

func TestDeliveryIsTriedAgain(t *testing.T) {
	story(t, func(r *rig) {
		r.fail = errors.New("no server")
		r.park("p1")
		r.want(30)
		r.fail = nil
		r.want(2, "1 parked")
	})
}

func TestSilentListenerIsAProblem(t *testing.T) {
	story(t, func(r *rig) {
		r.err = errors.New("the store is closed")
		r.want(3, "not in step")
	})
}

func TestText(t *testing.T) {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	m := Message{
		Host: "mail1.example.test", Time: since, Open: 3,
		New: []Problem{
			{Kind: Stalled, Reason: "source: down", Since: since},
			{Kind: Held, ID: "h1", Handler: "mailbox", Count: 30, Reason: "30 of 40 stores", Since: since},
			{Kind: Parked, ID: "p1", Handler: "mailbox", DN: "uid=\x1b[2Ja\r\nBcc: x\u202e", Reason: "bad", Since: since},
		},
		Healed: []Problem{{Kind: Parked, ID: "p0", Handler: "mailbox", DN: "uid=ä", Reason: "bad", Since: since}},
	}
	want := `New:

  the listener is not in step
    since 2026-03-01 10:00:00 UTC: source: down
    mailreg listener status

  h1: 30 changes of handler mailbox are held
    since 2026-03-01 10:00:00 UTC: 30 of 40 stores
    mailreg listener held; then mailreg listener approve h1, or reject h1

  p1: handler mailbox has given up on uid=?[2Ja??Bcc: x?
    since 2026-03-01 10:00:00 UTC: bad
    mend the entry in the directory, or mailreg listener retry p1, or drop p1

Over:

  p0: handler mailbox has given up on uid=ä
    since 2026-03-01 10:00:00 UTC: bad

Open in all: 3. See: mailreg listener status
`
	if diff := cmp.Diff(want, m.Text()); diff != "" {
		t.Error(diff)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(string(m.Mail("mailreg@mail1.example.test", "root@example.test", "x"))))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if want := "mailreg on mail1.example.test: not in step, 1 held, 1 parked, 1 over"; err != nil || subject != want {
		t.Errorf("subject %q, %v", subject, err)
	}
	if len(parsed.Header) != 9 {
		t.Errorf("headers %v", parsed.Header)
	}
}

func TestLongListsAreCut(t *testing.T) {
	var m Message
	for i := range 1000 {
		m.New = append(m.New, Problem{Kind: Parked, ID: fmt.Sprintf("p%d", i)})
	}
	if text := m.Text(); !strings.Contains(text, "and 980 more") || len(text) > 10_000 {
		t.Errorf("%d bytes", len(text))
	}
}
