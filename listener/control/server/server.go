// Package server answers calls of the control API. It is apart from the client because the command line, which starts for
// every call, does without an HTTP server.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// maxBody is the largest accepted body in bytes; no operation needs more than a few hundred.
const maxBody = 64 << 10

// grace is how long calls may go on after the daemon was told to stop.
const grace = 2 * time.Second

// statusOf maps an error of the API to an HTTP status.
func statusOf(err error) int {
	switch {
	case errors.Is(err, control.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, schema.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Serve answers calls on l from api until ctx ends, and closes l. Each call is logged with its operation and the
// process that made it. The context of a call ends with its connection and with ctx.
func Serve(ctx context.Context, l net.Listener, api control.API, logger *slog.Logger) error {
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
func routes(api control.API, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/status", operation(logger, func(ctx context.Context, _ control.None) (control.Status, error) {
		status, err := api.Status(ctx)
		status.Reasons, status.Notes, status.Handlers = notNull(status.Reasons), notNull(status.Notes), notNull(status.Handlers)
		return status, err
	}))
	mux.Handle("/v1/wait", operation(logger, func(ctx context.Context, p control.Patience) (control.WaitResult, error) {
		if p.Timeout != "" {
			timeout, err := time.ParseDuration(p.Timeout)
			if err != nil {
				return control.WaitResult{}, schema.Invalidf("timeout: %w", err)
			}
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		result, err := api.Wait(ctx)
		result.Parked, result.Held = notNull(result.Parked), notNull(result.Held)
		return result, err
	}))
	mux.Handle("/v1/parked", operation(logger, func(ctx context.Context, _ control.None) ([]control.Parked, error) {
		parked, err := api.Parked(ctx)
		return notNull(parked), err
	}))
	mux.Handle("/v1/held", operation(logger, func(ctx context.Context, _ control.None) ([]control.Held, error) {
		held, err := api.Held(ctx)
		return notNull(held), err
	}))
	mux.Handle("POST /v1/retry", operation(logger, func(ctx context.Context, a control.Item) (int, error) { return api.Retry(ctx, a.ID) }))
	mux.Handle("POST /v1/drop", operation(logger, func(ctx context.Context, a control.Item) (control.None, error) {
		return control.None{}, api.Drop(ctx, a.ID)
	}))
	mux.Handle("POST /v1/approve", operation(logger, func(ctx context.Context, a control.Item) (int, error) { return api.Approve(ctx, a.ID) }))
	mux.Handle("POST /v1/reject", operation(logger, func(ctx context.Context, a control.Item) (int, error) { return api.Reject(ctx, a.ID) }))
	mux.Handle("/v1/planned", operation(logger, func(ctx context.Context, _ control.None) ([]control.Planned, error) {
		planned, err := api.Planned(ctx)
		return notNull(planned), err
	}))
	onHandler := func(call func(context.Context, string) error) http.Handler {
		return operation(logger, func(ctx context.Context, a control.HandlerName) (control.None, error) {
			return control.None{}, call(ctx, a.Handler)
		})
	}
	mux.Handle("POST /v1/pause", onHandler(api.Pause))
	mux.Handle("POST /v1/resume", onHandler(api.Resume))
	mux.Handle("POST /v1/forget", onHandler(api.Forget))
	mux.Handle("POST /v1/backup", operation(logger, func(ctx context.Context, _ control.None) (control.BackupResult, error) {
		return api.Backup(ctx)
	}))
	mux.Handle("POST /v1/resync", operation(logger, api.Resync))
	mux.Handle("/v1/progress", operation(logger, api.Progress))
	mux.Handle("/v1/diff", operation(logger, api.Diff))
	mux.Handle("POST /v1/audit", operation(logger, api.Audit))
	mux.Handle("/v1/entries", operation(logger, func(ctx context.Context, s control.Selection) ([]control.Entry, error) {
		entries, err := api.Entries(ctx, s)
		return notNull(entries), err
	}))
	mux.Handle("/v1/explain", operation(logger, func(ctx context.Context, s control.Selection) ([]control.Explanation, error) {
		all, err := api.Explain(ctx, s)
		return notNull(all), err
	}))
	mux.Handle("/v1/advise", operation(logger, func(ctx context.Context, _ control.None) ([]control.Advice, error) {
		advice, err := api.Advise(ctx)
		return notNull(advice), err
	}))
	mux.Handle("/v1/moves", operation(logger, func(ctx context.Context, _ control.None) ([]control.Move, error) {
		moves, err := api.Moves(ctx)
		return notNull(moves), err
	}))
	mux.Handle("POST /v1/move", operation(logger, func(ctx context.Context, r control.MoveRequest) (control.None, error) {
		return control.None{}, api.Move(ctx, r)
	}))
	mux.Handle("/v1/stores", operation(logger, func(ctx context.Context, q control.StoreQuery) ([]control.Store, error) {
		stores, err := api.Stores(ctx, q)
		return notNull(stores), err
	}))
	mux.Handle("/v1/store-usage", operation(logger, api.StoreUsage))
	mux.Handle("POST /v1/store-restore", operation(logger, api.RestoreStore))
	mux.Handle("POST /v1/store-purge", operation(logger, api.PurgeStores))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, fmt.Errorf("operation %s %s: %w", r.Method, r.URL.Path, control.ErrNotFound), nil)
	})
	return mux
}

// attrs say in the log what a call is about.
func attrs(in any) []any {
	switch in := in.(type) {
	case control.Item:
		return []any{"id", in.ID}
	case control.HandlerName:
		return []any{"handler", in.Handler}
	case control.ResyncRequest:
		return []any{"handler", in.Handler, "dn", in.Selection.DN, "uuid", in.Selection.UUID, "dry_run", in.DryRun}
	case control.RestoreRequest:
		return []any{"id", in.ID}
	case control.PurgeRequest:
		return []any{"id", strings.Join(in.IDs, ",")}
	}
	return nil
}

// operation serves one call of the API: arguments from the body, the result or the error to the caller.
func operation[In, Out any](logger *slog.Logger, call func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := peerOf(r.Context())
		about := []any{"op", r.URL.Path[len("/v1/"):], "uid", peer.Uid, "pid", peer.Pid}
		var in In
		err := decode(http.MaxBytesReader(w, r.Body, maxBody), &in)
		if err == nil {
			about = append(about, attrs(in)...)
		}
		logger.InfoContext(r.Context(), "control call", about...)
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
		out = control.Failure{Error: err.Error()}
	}
	// The caller may have gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(out)
}

// notNull makes an empty list of control.None, so that callers see [] and not null.
func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
