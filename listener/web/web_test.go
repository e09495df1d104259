package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// config is that of a daemon in the given state.
func config(status control.Status, statusErr, alive error) Config {
	return Config{
		Status:  func(context.Context) (control.Status, error) { return status, statusErr },
		Alive:   func(context.Context) error { return alive },
		Metrics: says("metrics"), Page: says("page"),
	}
}

func TestRoutes(t *testing.T) {
	ready := control.Status{Ready: true, Notes: []string{"an\nedit"}}
	behind := control.Status{Reasons: []string{"source: down\x1b[31m"}}
	hung := errors.New("the worker of handler x does not turn")
	cases := []struct {
		name, path, accept string
		config             Config
		code               int
		want               string
	}{
		{"page", "/", "", config(ready, nil, nil), 200, "page"},
		{"metrics", "/metrics", "", config(ready, nil, nil), 200, "metrics"},
		{"alive", "/healthz", "", config(behind, nil, nil), 200, "ok\n"},
		{"hung", "/healthz", "", config(ready, nil, hung), 503, "the worker of handler x does not turn\n"},
		{"ready", "/readyz", "", config(ready, nil, nil), 200, "ready\nnote: an\\nedit\n"},
		{"ready as JSON", "/readyz", "application/json", config(ready, nil, nil), 200, `{"ready":true,"reasons":[],"notes":["an\nedit"]}` + "\n"},
		{"behind", "/readyz", "text/plain", config(behind, nil, hung), 503, "not ready\nsource: down\\x1b[31m\n"},
		{"behind as JSON", "/readyz", "application/json", config(behind, nil, nil), 503, `{"ready":false,"reasons":["source: down\u001b[31m"],"notes":[]}` + "\n"},
		{"unreadable", "/readyz", "", config(ready, errors.New("store is damaged"), nil), 503, "not ready\nstore is damaged\nnote: an\\nedit\n"},
		{"elsewhere", "/etc/passwd", "", config(ready, nil, nil), 404, "404 page not found\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://localhost:9625"+c.path, nil)
			r.Header.Set("Accept", c.accept)
			w := httptest.NewRecorder()
			New(c.config).Handler(false).ServeHTTP(w, r)
			if w.Code != c.code || w.Body.String() != c.want {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.code, c.want)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func TestOnlyLooks(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		w := httptest.NewRecorder()
		New(config(control.Status{}, nil, nil)).Handler(true).ServeHTTP(w, httptest.NewRequest(method, "http://localhost/metrics", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

func TestForeignNames(t *testing.T) {
	for host, want := range map[string]int{
		"localhost:9625": 200, "localhost": 200, "127.0.0.1:1": 200, "[::1]:9625": 200, "127.8.8.8": 200,
		"evil.example:9625": 421, "localhost.evil.example": 421, "192.0.2.1": 421, "": 421,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		New(config(control.Status{}, nil, nil)).Handler(false).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "example.test:0", "127.0.0.1", "unix:relative/" + strings.Repeat("x", 200)} {
		if l, err := Listen(address); err == nil {
			t.Errorf("%s is listened to", address)
			_ = l.Close()
		}
	}
}

// TestTaken holds that an address which somebody else has keeps nothing from working, and is used once it is free.
func TestTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(control.Status{Ready: true}, nil, nil)
	cfg.Listen = other.Addr().String()
	w := New(cfg)
	w.note(errors.New("x"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	if notes := w.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "mailreg/metrics/listen") {
		t.Errorf("notes %q", notes)
	}
	_ = other.Close()
	awaitAnswer(t, http.DefaultClient, "http://"+cfg.Listen+"/readyz")
	if notes := w.Notes(); len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	cfg := config(control.Status{Ready: true}, nil, nil)
	path := filepath.Join(t.TempDir(), "status.sock")
	cfg.Listen = "unix:" + path
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(cfg).Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	var answer readiness
	if err := json.Unmarshal(awaitAnswer(t, client, "http://whatever/readyz"), &answer); err != nil || !answer.Ready {
		t.Errorf("%+v %v", answer, err)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitAnswer asks until there is an answer, for as long as the test may run.
func awaitAnswer(t *testing.T, client *http.Client, url string) []byte {
	t.Helper()
	for {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "application/json")
		response, err := client.Do(r)
		if err != nil {
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
			continue
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("%d %v %s", response.StatusCode, err, body)
		}
		return body
	}
}
