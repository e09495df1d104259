package web

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema/plain"
)

// aliveLimit is how long the loops may take to show that they turn.
const aliveLimit = 5 * time.Second

// Handler returns what is served. On a port it answers only those who call this machine by a name of its own: a browser
// must not be led here by a foreign one (DNS rebinding).
func (w *Web) Handler(unix bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", w.cfg.Page)
	mux.Handle("GET /metrics", w.cfg.Metrics)
	mux.HandleFunc("GET /healthz", w.health)
	mux.HandleFunc("GET /readyz", w.ready)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if !unix && !loopback(hostOf(r)) {
			http.Error(rw, "Ask for localhost.", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(rw, r)
	})
}

// hostOf returns the host that a request asks for, without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}

// health answers 200 while the loops turn.
func (w *Web) health(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), aliveLimit)
	defer cancel()
	if err := w.cfg.Alive(ctx); err != nil {
		http.Error(rw, plain.Line(err.Error()), http.StatusServiceUnavailable)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write([]byte("ok\n"))
}

// readiness is the answer of /readyz as JSON.
type readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	Notes   []string `json:"notes"`
}

// ready answers 200 when the daemon is in step with the directory, else 503, with the reasons.
func (w *Web) ready(rw http.ResponseWriter, r *http.Request) {
	status, err := w.cfg.Status(r.Context())
	answer := readiness{Ready: err == nil && status.Ready, Reasons: append([]string{}, status.Reasons...), Notes: append([]string{}, status.Notes...)}
	if err != nil {
		answer.Reasons = append(answer.Reasons, err.Error())
	}
	code := http.StatusOK
	if !answer.Ready {
		code = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(code)
		_ = json.NewEncoder(rw).Encode(answer) // whoever asked may have gone
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(code)
	word := "ready\n"
	if !answer.Ready {
		word = "not ready\n"
	}
	_, _ = rw.Write([]byte(word + lines("", answer.Reasons) + lines("note: ", answer.Notes)))
}

// lines prints texts one to a line.
func lines(before string, texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString(before + plain.Line(t) + "\n")
	}
	return b.String()
}
