// Package metrics tells Prometheus how the listener does. What the status says is read from it at each scrape, what happens is
// counted by an Observer. Handlers are labels; DNs, addresses and error texts never are: docs/metrics.md has them all.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/control"
)

// Config says what the metrics are taken from.
type Config struct {
	// Status is that of the listener.
	Status func(context.Context) (control.Status, error)
	// Moves are the users on their way between hosts. Nil: none are.
	Moves func(context.Context) ([]control.Move, error)
	// Version is that of the program.
	Version string
	// Generation returns the number of the registry's last transaction, 0 before the first. Nil: always 0.
	Generation func() int64
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Logger is told what keeps metrics from being gathered. Nil: nobody is.
	Logger *slog.Logger
}

// Metrics is the set of metrics of one daemon. It implements listener.Observer.
type Metrics struct {
	registry *prometheus.Registry
	logger   *slog.Logger

	calls    *prometheus.HistogramVec
	outcomes *prometheus.CounterVec
	trips    *prometheus.CounterVec
	refresh  prometheus.Histogram
	aborted  prometheus.Counter
	sessions prometheus.Counter
	commits  prometheus.Histogram
	failures prometheus.Counter
	access   *prometheus.HistogramVec
	freezes  prometheus.Histogram
}

// New returns the metrics in a registry of their own.
func New(cfg Config) *Metrics {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Moves == nil {
		cfg.Moves = func(context.Context) ([]control.Move, error) { return nil, nil }
	}
	if cfg.Generation == nil {
		cfg.Generation = func() int64 { return 0 }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := newObserved()
	m.logger = cfg.Logger
	m.registry = prometheus.NewPedanticRegistry()
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&state{cfg: cfg, descs: descriptions()},
		m.calls, m.outcomes, m.trips, m.refresh, m.aborted, m.sessions, m.commits, m.failures, m.access, m.freezes,
	)
	return m
}

func newObserved() *Metrics {
	return &Metrics{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mailreg_handler_call_seconds", Help: "How long calls of the handler took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9), // 1 ms to a minute
		}, []string{"handler"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mailreg_handler_outcomes_total",
			Help: "What came of work of the handler: done, retry, down (its target does not work), parked or held.",
		}, []string{"handler", "outcome"}),
		trips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mailreg_guard_trips_total", Help: "How often the brake has stopped changes of the handler.",
		}, []string{"handler"}),
		refresh: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "mailreg_refresh_seconds", Help: "How long refreshes took that came to their end.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9), // 10 ms to 11 minutes
		}),
		aborted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mailreg_refresh_aborted_total", Help: "Refreshes that were broken off.",
		}),
		sessions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mailreg_source_sessions_ended_total", Help: "Sessions with the provider that have ended, for whatever reason.",
		}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "mailreg_store_commit_seconds", Help: "How long transactions of the store took, from their begin to the disk.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9), // half a millisecond to half a minute
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mailreg_store_errors_total", Help: "Transactions of the store that could not be written.",
		}),
		access: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mailreg_account_effect_seconds",
			Help:    "From the change of an account in the directory until the mail server was seen to obey: closed, opened, or changed otherwise.",
			Buckets: []float64{0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 5, 10, 60},
		}, []string{"effect"}),
		freezes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "mailreg_move_freeze_seconds",
			Help:    "For how long nobody was let in of users who have changed over to another home server.",
			Buckets: []float64{0.5, 1, 1.5, 2, 2.5, 3, 5, 10, 30, 120},
		}),
	}
}

// ServeHTTP answers a scrape in the form that its Accept header asks for.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: logged{m.logger}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	}).ServeHTTP(w, r)
}

// logged writes the library's errors to a logger.
type logged struct{ *slog.Logger }

// Println implements promhttp.Logger.
func (l logged) Println(v ...any) {
	l.Warn("cannot gather all metrics", "op", "metrics", "err", v)
}

// Acted implements listener.Observer.
func (m *Metrics) Acted(a listener.Action) {
	if a.Called {
		m.calls.WithLabelValues(a.Handler).Observe(a.Took.Seconds())
	}
	m.outcomes.WithLabelValues(a.Handler, string(a.Outcome)).Inc()
}

// Access tells how long it was from a change of an account to its effect.
func (m *Metrics) Access(effect string, took time.Duration) {
	m.access.WithLabelValues(effect).Observe(took.Seconds())
}

// Froze tells for how long a user was not let in who has changed over to another home server.
func (m *Metrics) Froze(took time.Duration) { m.freezes.Observe(took.Seconds()) }

// Committed implements listener.Observer.
func (m *Metrics) Committed(c listener.Commit) {
	if c.Err != nil {
		m.failures.Inc()
		return
	}
	m.commits.Observe(c.Took.Seconds())
}

// Refreshed implements listener.Observer.
func (m *Metrics) Refreshed(r listener.Refresh) {
	if r.Err != nil {
		m.aborted.Inc()
		return
	}
	m.refresh.Observe(r.Took.Seconds())
}

// Ended implements listener.Observer.
func (m *Metrics) Ended(error) { m.sessions.Inc() }

// Braked implements listener.Observer.
func (m *Metrics) Braked(handler, _ string) { m.trips.WithLabelValues(handler).Inc() }
