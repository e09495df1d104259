package screen

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
)

func now() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func before(d time.Duration) control.Moment { return control.Moment{Time: now().Add(-d)} }

func texts(lines []Line) []string {
	var list []string
	for _, l := range lines {
		list = append(list, l.Text)
	}
	return list
}

func TestStatus(t *testing.T) {
	got := texts(Status(control.Status{
		Reasons: []string{"source: connection\x1b[2Jlost"}, Notes: []string{"an edit is refused"}, Entries: 12, Held: 2,
		Audit:  &control.AuditReport{Began: before(time.Hour), Entries: 12, Drift: 3},
		Source: control.SourceStatus{Kind: "syncrepl", URL: "ldap://l1", Phase: "refresh", Lag: 130.5, RefreshEntries: 5, LastMessage: before(3 * time.Second), LastError: "cut"},
		Handlers: []control.HandlerStatus{
			{Name: "mailbox", Pending: 1200, Running: 4, Parked: 1, Held: 2, Oldest: before(95 * time.Second), LastSuccess: before(time.Minute), LastError: "a\nb", LastErrorAt: before(time.Hour)},
			{Name: "domain", Paused: before(time.Hour), Targets: []control.TargetStatus{
				{Name: "dovecot", Since: before(time.Hour), Waiting: 3, Reason: "dovecot is down: refused"},
			}},
		},
	}, now()))
	want := []string{
		`Ready: no`,
		`  source: connection\x1b[2Jlost`,
		`Note: an edit is refused`,
		`Source: syncrepl ldap://l1, refresh (5 entries so far), last message 3 s ago`,
		`  behind the directory for 2 min`,
		`  last session: cut`,
		`Entries: 12`,
		`Last audit: 1 h ago, differences: 3 of 12`,
		`Parked: 1 (mailreg listener parked)`,
		`Held: 2 (mailreg listener held)`,
		``,
		`HANDLER          PENDING  RUNNING  RETRYING  PARKED  HELD  OLDEST  LAST SUCCESS`,
		`mailbox             1200        4         0       1     2  1 min   1 min ago`,
		`  last error 1 h ago: a\nb`,
		`domain (paused)        0        0         0       0     0  -       never`,
		`  down for 1 h, 3 waiting: dovecot is down: refused`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDrawFits(t *testing.T) {
	var b strings.Builder
	p := Picture{Out: &b, Size: func() (int, int) { return 10, 3 }, Colour: true}
	lines := []Line{{"größer als zehn", Bad}, {Text: "2"}, {Text: "3"}, {Text: "4"}}
	if err := p.Draw(lines); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[H\x1b[31mgrößer al…\x1b[m\x1b[K\r\n2\x1b[K\r\n\x1b[2m... 2 mor…\x1b[m\x1b[K\x1b[J"
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
	if lines[2].Text != "3" {
		t.Error("the caller's lines have changed")
	}
}
