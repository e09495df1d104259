package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/control"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

const doc = "../../docs/metrics.md"

func now() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) control.Moment { return control.Moment{Time: now().Add(-d)} }

// busy is a status in which everything is there.
func busy(context.Context) (control.Status, error) {
	return control.Status{
		Ready: true, Entries: 1000, Held: 3,
		Source:   control.SourceStatus{Phase: "persist", Lag: 1.5, Renewals: 3, LastMessage: ago(5 * time.Second), PositionStored: ago(7 * time.Second)},
		Audit:    &control.AuditReport{Began: ago(time.Hour), Drift: 2},
		Store:    control.StoreStatus{Bytes: 1 << 20},
		Handlers: []control.HandlerStatus{{Name: "mailbox", Pending: 4, Running: 2, Oldest: ago(time.Minute), Parked: 1, LastSuccess: ago(time.Hour)}},
	}, nil
}

// full returns metrics that have all been told something.
func full() *Metrics {
	m := New(Config{Status: busy, Version: "v1", Generation: func() int64 { return 12 }, Now: now})
	var o listener.Observer = m
	o.Acted(listener.Action{Handler: "mailbox", DN: "uid=alice,dc=secret", Called: true, Took: time.Second, Outcome: listener.Done})
	o.Acted(listener.Action{Handler: "mailbox", Reason: "uid=bob", Outcome: listener.Parked})
	o.Committed(listener.Commit{Took: time.Millisecond})
	o.Committed(listener.Commit{Err: errors.New("no space left")})
	o.Refreshed(listener.Refresh{Took: time.Second})
	o.Refreshed(listener.Refresh{Err: errors.New("cut")})
	o.Ended(errors.New("cut"))
	o.Braked("mailbox", "many")
	m.Access("closed", 100*time.Millisecond)
	return m
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

func TestScrape(t *testing.T) {
	body := scrape(t, full())
	for _, want := range []string{
		`mailreg_build_info{version="v1"} 1`,
		`mailreg_config_generation 12`,
		`mailreg_ready 1`,
		`mailreg_source_connected 1`,
		`mailreg_source_phase{phase="persist"} 1`,
		`mailreg_source_phase{phase="down"} 0`,
		`mailreg_source_last_message_age_seconds 5`,
		`mailreg_source_lag_seconds 1.5`,
		`mailreg_source_renewals_total 3`,
		`mailreg_source_cookie_age_seconds 7`,
		`mailreg_source_sessions_ended_total 1`,
		`mailreg_refresh_running 0`,
		`mailreg_refresh_seconds_count 1`,
		`mailreg_refresh_aborted_total 1`,
		`mailreg_entries 1000`,
		`mailreg_held 3`,
		`mailreg_audit_drift 2`,
		`mailreg_audit_age_seconds 3600`,
		`mailreg_handler_paused{handler="mailbox"} 0`,
		`mailreg_store_bytes 1.048576e+06`,
		`mailreg_store_commit_seconds_count 1`,
		`mailreg_store_errors_total 1`,
		`mailreg_guard_trips_total{handler="mailbox"} 1`,
		`mailreg_handler_pending{handler="mailbox"} 4`,
		`mailreg_handler_inflight{handler="mailbox"} 2`,
		`mailreg_handler_oldest_pending_age_seconds{handler="mailbox"} 60`,
		`mailreg_handler_call_seconds_count{handler="mailbox"} 1`,
		`mailreg_handler_outcomes_total{handler="mailbox",outcome="parked"} 1`,
	} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(body, "uid=") || strings.Contains(body, "space") {
		t.Error("a DN or an error text is among the metrics")
	}
}

// TestScrapeWithoutStatus holds that a daemon whose store cannot be read says so and not that all is well.
func TestScrapeWithoutStatus(t *testing.T) {
	m := New(Config{Status: func(context.Context) (control.Status, error) {
		return control.Status{Ready: true}, errors.New("broken")
	}})
	if body := scrape(t, m); !strings.Contains(body, "\nmailreg_ready 0\n") || strings.Contains(body, "mailreg_entries") {
		t.Error(body)
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(full().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestDocumented holds docs/metrics.md to what is there.
func TestDocumented(t *testing.T) {
	table, err := document(full())
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(old), "| metric |")
	if !found {
		t.Fatalf("%s has no table", doc)
	}
	if *update {
		if err := os.WriteFile(doc, []byte(head+table), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if head+table != string(old) {
		t.Errorf("%s is out of date: go test ./listener/metrics -update", doc)
	}
}

// document returns the table of our own metrics.
func document(m *Metrics) (string, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "mailreg_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		kind := strings.ToLower(f.GetType().String())
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), kind, strings.Join(labels, ", "), f.GetHelp())
	}
	return b.String(), nil
}
