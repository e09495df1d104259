package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailreg/mailreg/listener/control"
)

// askLimit bounds the question for the status at a scrape.
const askLimit = 10 * time.Second

// The names of the metrics that are read from the status.
const (
	buildInfo  = "mailreg_build_info"
	generation = "mailreg_config_generation"
	ready      = "mailreg_ready"
	connected  = "mailreg_source_connected"
	phase      = "mailreg_source_phase"
	messageAge = "mailreg_source_last_message_age_seconds"
	lag        = "mailreg_source_lag_seconds"
	renewals   = "mailreg_source_renewals_total"
	cookieAge  = "mailreg_source_cookie_age_seconds"
	refreshing = "mailreg_refresh_running"
	mentioned  = "mailreg_refresh_entries"
	entries    = "mailreg_entries"
	heldAll    = "mailreg_held"
	storeBytes = "mailreg_store_bytes"
	pending    = "mailreg_handler_pending"
	inflight   = "mailreg_handler_inflight"
	retries    = "mailreg_handler_retries"
	parked     = "mailreg_handler_parked"
	held       = "mailreg_handler_held"
	oldest     = "mailreg_handler_oldest_pending_age_seconds"
	paused     = "mailreg_handler_paused"
	downs      = "mailreg_handler_targets_down"
	drift      = "mailreg_audit_drift"
	auditAge   = "mailreg_audit_age_seconds"
	moving     = "mailreg_moves"
	success    = "mailreg_handler_last_success_timestamp_seconds"
)

// descriptions returns what is read from the status, by name.
func descriptions() map[string]*prometheus.Desc {
	descs := map[string]*prometheus.Desc{}
	add := func(name, help string, labels ...string) { descs[name] = prometheus.NewDesc(name, help, labels, nil) }
	add(buildInfo, "The version of the program; always 1.", "version")
	add(generation, "The number of the registry's last transaction.")
	add(ready, "1 when the daemon is in step with the directory, as \"mailreg listener status\" has it; 0 when the status cannot be read, too.")
	add(connected, "1 when there is a session with the provider.")
	add(phase, "1 for the phase that the session with the provider is in: connecting, refresh, persist or down.", "phase")
	add(messageAge, "Seconds since the provider said anything; absent before it did.")
	add(lag, "For how many seconds the provider has been ahead of the replica (contextCSN); 0 in step, and where it has no position.")
	add(renewals, "Sessions that were ended because they seemed dead.")
	add(cookieAge, "Seconds since a position in the provider's stream was stored; absent before the first one of this run.")
	add(refreshing, "1 while a refresh runs.")
	add(mentioned, "Entries that the running refresh has mentioned so far; 0 without one.")
	add(entries, "Entries in the replica.")
	add(heldAll, "Changes that the brake has stopped and that a person is to approve or reject.")
	add(storeBytes, "Size of the store's file.")
	add(pending, "Changes that are to be done.", "handler")
	add(inflight, "Calls of the handler without an answer yet.", "handler")
	add(retries, "Changes that have failed and are tried again.", "handler")
	add(parked, "Changes that the handler has given up on until a person acts or the entry changes.", "handler")
	add(held, "Changes of the handler that the brake has stopped.", "handler")
	add(oldest, "Age of the oldest change that is neither done nor waits for a person; 0 without one.", "handler")
	add(paused, "1 while a person keeps the handler from being called.", "handler")
	add(downs, "Targets of the handler that are down.", "handler")
	add(drift, "Entries in which replica and directory differed at the last audit; absent before the first of this run.")
	add(auditAge, "Seconds since the last audit began; absent before the first of this run.")
	add(moving, "Users on their way from (out) or to (in) another home server, by state.", "direction", "state")
	add(success, "When the handler last did something with success; absent before.", "handler")
	return descs
}

// state is the collector of what the status says.
type state struct {
	cfg   Config
	descs map[string]*prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *state) Describe(c chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		c <- d
	}
}

// Collect implements prometheus.Collector. Without a status there is little to tell, and that is told.
func (s *state) Collect(c chan<- prometheus.Metric) {
	set := func(name string, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(s.descs[name], prometheus.GaugeValue, value, labels...)
	}
	set(buildInfo, 1, s.cfg.Version)
	set(generation, float64(s.cfg.Generation()))
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	status, err := s.cfg.Status(ctx)
	set(ready, number(err == nil && status.Ready))
	if err != nil {
		s.cfg.Logger.Warn("cannot read the status", "op", "metrics", "err", err)
		return
	}
	s.source(c, set, status.Source)
	set(entries, float64(status.Entries))
	set(heldAll, float64(status.Held))
	set(storeBytes, float64(status.Store.Bytes))
	if a := status.Audit; a != nil {
		set(drift, float64(a.Drift))
		set(auditAge, s.age(a.Began.Time))
	}
	for _, h := range status.Handlers {
		s.handler(set, h)
	}
	s.moves(ctx, set)
}

// moves counts the users on their way. Each state is told, so that one that is left is seen to be 0.
func (s *state) moves(ctx context.Context, set func(string, float64, ...string)) {
	all, err := s.cfg.Moves(ctx)
	if err != nil {
		s.cfg.Logger.Warn("cannot read the moves", "op", "metrics", "err", err)
		return
	}
	count := map[[2]string]int{}
	for _, m := range all {
		count[[2]string{m.Direction, m.State}]++
	}
	for direction, states := range map[string][]string{
		"out": {"copying", "frozen", "committing", "committed"}, "in": {"awaiting", "receiving", "opening", "opened"},
	} {
		for _, state := range states {
			set(moving, float64(count[[2]string{direction, state}]), direction, state)
		}
	}
}

func (s *state) source(c chan<- prometheus.Metric, set func(string, float64, ...string), source control.SourceStatus) {
	for _, p := range []string{"connecting", "refresh", "persist", "down"} {
		set(phase, number(source.Phase == p), p)
	}
	set(connected, number(source.Phase == "refresh" || source.Phase == "persist"))
	set(refreshing, number(source.Phase == "refresh"))
	set(mentioned, float64(source.RefreshEntries))
	set(lag, source.Lag)
	c <- prometheus.MustNewConstMetric(s.descs[renewals], prometheus.CounterValue, float64(source.Renewals))
	if at := source.LastMessage; !at.IsZero() {
		set(messageAge, s.age(at.Time))
	}
	if at := source.PositionStored; !at.IsZero() {
		set(cookieAge, s.age(at.Time))
	}
}

func (s *state) handler(set func(string, float64, ...string), h control.HandlerStatus) {
	set(pending, float64(h.Pending), h.Name)
	set(inflight, float64(h.Running), h.Name)
	set(retries, float64(h.Retrying), h.Name)
	set(parked, float64(h.Parked), h.Name)
	set(held, float64(h.Held), h.Name)
	set(paused, number(!h.Paused.IsZero()), h.Name)
	set(downs, float64(len(h.Targets)), h.Name)
	age := 0.0
	if !h.Oldest.IsZero() {
		age = s.age(h.Oldest.Time)
	}
	set(oldest, age, h.Name)
	if !h.LastSuccess.IsZero() {
		set(success, float64(h.LastSuccess.UnixMilli())/1000, h.Name)
	}
}

// age returns the seconds since a time; a clock that was set back makes none that is negative.
func (s *state) age(at time.Time) float64 { return max(0, s.cfg.Now().Sub(at).Seconds()) }

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
