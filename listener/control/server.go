package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// maxBody is the largest accepted body in bytes; no operation needs more than a few hundred.
const maxBody = 64 << 10

// grace is how long calls may go on after the daemon was told to stop, and how much longer than asked a client waits.
const grace = 2 * time.Second

// Serve answers calls on l from api until ctx ends, and closes l. Each call is logged with its operation and the
// process that made it. The context of a call ends with its connection and with ctx.
func Serve(ctx context.Context, l net.Listener, api API, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           routes(api, logger),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(within); err != nil {
			stopped <- server.Close()
			return
		}
		stopped <- nil
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the control socket: %w", err)
	}
	return <-stopped
}

// routes is the whole API: one line for each operation.
func routes(api API, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/status", operation(logger, func(ctx context.Context, _ none) (Status, error) {
		status, err := api.Status(ctx)
		status.Reasons, status.Notes, status.Handlers = notNull(status.Reasons), notNull(status.Notes), notNull(status.Handlers)
		return status, err
	}))
	mux.Handle("/v1/wait", operation(logger, func(ctx context.Context, p patience) (WaitResult, error) {
		if p.Timeout != "" {
			timeout, err := time.ParseDuration(p.Timeout)
			if err != nil {
				return WaitResult{}, schema.Invalidf("timeout: %w", err)
			}
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		result, err := api.Wait(ctx)
		result.Parked, result.Held = notNull(result.Parked), notNull(result.Held)
		return result, err
	}))
	mux.Handle("/v1/parked", operation(logger, func(ctx context.Context, _ none) ([]Parked, error) {
		parked, err := api.Parked(ctx)
		return notNull(parked), err
	}))
	mux.Handle("/v1/held", operation(logger, func(ctx context.Context, _ none) ([]Held, error) {
		held, err := api.Held(ctx)
		return notNull(held), err
	}))
	mux.Handle("POST /v1/retry", operation(logger, func(ctx context.Context, a item) (int, error) { return api.Retry(ctx, a.ID) }))
	mux.Handle("POST /v1/drop", operation(logger, func(ctx context.Context, a item) (none, error) { return none{}, api.Drop(ctx, a.ID) }))
	mux.Handle("POST /v1/approve", operation(logger, func(ctx context.Context, a item) (int, error) { return api.Approve(ctx, a.ID) }))
	mux.Handle("POST /v1/reject", operation(logger, func(ctx context.Context, a item) (int, error) { return api.Reject(ctx, a.ID) }))
	mux.Handle("POST /v1/resync", operation(logger, api.Resync))
	mux.Handle("/v1/entries", operation(logger, func(ctx context.Context, s Selection) ([]Entry, error) {
		entries, err := api.Entries(ctx, s)
		return notNull(entries), err
	}))
	mux.Handle("/v1/explain", operation(logger, func(ctx context.Context, s Selection) ([]Explanation, error) {
		all, err := api.Explain(ctx, s)
		return notNull(all), err
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, fmt.Errorf("operation %s %s: %w", r.Method, r.URL.Path, ErrNotFound), nil)
	})
	return mux
}

// item are the arguments of an operation on one parked entry or held batch.
type item struct {
	ID string `json:"id"`
}

// attrs say in the log what a call is about.
func (i item) attrs() []any { return []any{"id", i.ID} }

func (r ResyncRequest) attrs() []any {
	return []any{"handler", r.Handler, "dn", r.Selection.DN, "uuid", r.Selection.UUID, "dry_run", r.DryRun}
}

// patience bounds a wait on the daemon's side, so that the daemon can say what it still waited for.
type patience struct {
	// Timeout is a duration such as "30s"; none when empty.
	Timeout string `json:"timeout,omitempty"`
}

// none stands for no arguments or no result.
type none struct{}

// operation serves one call of the API: arguments from the body, the result or the error to the caller.
func operation[In, Out any](logger *slog.Logger, call func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := peerOf(r.Context())
		attrs := []any{"op", r.URL.Path[len("/v1/"):], "uid", peer.Uid, "pid", peer.Pid}
		var in In
		err := decode(http.MaxBytesReader(w, r.Body, maxBody), &in)
		if about, ok := any(in).(interface{ attrs() []any }); ok && err == nil {
			attrs = append(attrs, about.attrs()...)
		}
		logger.InfoContext(r.Context(), "control call", attrs...)
		if err != nil {
			answer(w, schema.Invalidf("reading the arguments of %s: %w", r.URL.Path, err), nil)
			return
		}
		out, err := call(r.Context(), in)
		answer(w, err, out)
	})
}

// decode reads one JSON value; an empty body leaves in alone.
func decode(body io.Reader, in any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(in); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, err error, out any) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(statusOf(err))
		out = failure{Error: err.Error()}
	}
	// The caller may have gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(out)
}

// notNull makes an empty list of none, so that callers see [] and not null.
func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
