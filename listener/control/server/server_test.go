package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// fake answers from its fields and keeps the arguments of the last call.
type fake struct {
	status  control.Status
	wait    func(context.Context) (control.WaitResult, error)
	err     error
	lastID  string
	lastReq control.ResyncRequest
	lastSel control.Selection
	queried control.StoreQuery
}

func (f *fake) Status(context.Context) (control.Status, error)       { return f.status, f.err }
func (f *fake) Wait(ctx context.Context) (control.WaitResult, error) { return f.wait(ctx) }
func (f *fake) Parked(context.Context) ([]control.Parked, error)     { return nil, f.err }
func (f *fake) Held(context.Context) ([]control.Held, error)         { return nil, f.err }
func (f *fake) Drop(_ context.Context, id string) error              { f.lastID = id; return f.err }
func (f *fake) Retry(_ context.Context, id string) (int, error)      { f.lastID = id; return 3, f.err }

func (f *fake) Approve(_ context.Context, id string) (int, error) { f.lastID = id; return 4, f.err }
func (f *fake) Reject(_ context.Context, id string) (int, error)  { f.lastID = id; return 5, f.err }

func (f *fake) Planned(context.Context) ([]control.Planned, error) { return nil, f.err }

func (f *fake) Pause(_ context.Context, handler string) error {
	f.lastID = "pause " + handler
	return f.err
}

func (f *fake) Resume(_ context.Context, handler string) error {
	f.lastID = "resume " + handler
	return f.err
}

func (f *fake) Forget(_ context.Context, handler string) error {
	f.lastID = "forget " + handler
	return f.err
}

func (f *fake) Progress(_ context.Context, r control.ProgressRequest) (control.Progress, error) {
	return control.Progress{Left: int(r.To - r.From)}, f.err
}

func (f *fake) Diff(_ context.Context, r control.DiffRequest) (control.DiffResult, error) {
	return control.DiffResult{Checked: 2, Entries: []control.DiffEntry{{Handler: r.Handler}}}, f.err
}

func (f *fake) Audit(_ context.Context, r control.AuditRequest) (control.AuditReport, error) {
	return control.AuditReport{Cause: r.Cause, Entries: 7, Counts: map[string]int{"older": 1}}, f.err
}

func (f *fake) Resync(_ context.Context, r control.ResyncRequest) (control.ResyncResult, error) {
	f.lastReq = r
	return control.ResyncResult{Entries: []control.Entry{{DN: "uid=a"}}}, f.err
}

func (f *fake) Backup(context.Context) (control.BackupResult, error) {
	return control.BackupResult{Path: "/copy"}, f.err
}

func (f *fake) Entries(_ context.Context, s control.Selection) ([]control.Entry, error) {
	f.lastSel = s
	return []control.Entry{{DN: "uid=a", Attrs: map[string][]string{"uid": {"a"}}}}, f.err
}

func (f *fake) Moves(context.Context) ([]control.Move, error) { return nil, f.err }

func (f *fake) Move(context.Context, control.MoveRequest) error { return f.err }

func (f *fake) Stores(_ context.Context, q control.StoreQuery) ([]control.Store, error) {
	f.queried = q
	return nil, f.err
}

func (f *fake) StoreUsage(_ context.Context, s control.StoreName) (control.StoreUsage, error) {
	return control.StoreUsage{Messages: len(s.Path)}, f.err
}

func (f *fake) RestoreStore(_ context.Context, r control.RestoreRequest) (control.RestoreResult, error) {
	return control.RestoreResult{Path: r.ID + r.As}, f.err
}

func (f *fake) PurgeStores(_ context.Context, r control.PurgeRequest) (control.PurgeResult, error) {
	return control.PurgeResult{Removed: r.IDs}, f.err
}

func (f *fake) Advise(context.Context) ([]control.Advice, error) { return nil, f.err }

func (f *fake) Explain(_ context.Context, s control.Selection) ([]control.Explanation, error) {
	f.lastSel = s
	return nil, f.err
}

// socketPath returns a path short enough for a socket, in a folder that the test removes.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mr-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "control.sock")
}

// serve runs a server of api until the test ends and returns its client and what it logged.
func serve(t *testing.T, api control.API) (*control.Client, *bytes.Buffer) {
	t.Helper()
	path, log := serveAt(t, api)
	return control.NewClient(path), log
}

// serveAt returns the path of the socket.
func serveAt(t *testing.T, api control.API) (path string, logged *bytes.Buffer) {
	t.Helper()
	path = socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, api, slog.New(slog.NewTextHandler(&log, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return path, &log
}

func TestOperations(t *testing.T) {
	api := &fake{
		status: control.Status{
			Ready: true, Entries: 7, Handlers: []control.HandlerStatus{{Name: "domain"}}, // of times that never were
			Source: control.SourceStatus{Phase: "persist", LastMessage: control.Moment{Time: time.Unix(5, 0).UTC()}},
		},
		wait: func(context.Context) (control.WaitResult, error) { return control.WaitResult{}, nil },
	}
	client, _ := serve(t, api)
	ctx := t.Context()

	status, err := client.Status(ctx)
	want := api.status
	want.Reasons, want.Notes = []string{}, []string{} // and not null
	if diff := cmp.Diff(want, status); diff != "" || err != nil {
		t.Errorf("Status: %v %s", err, diff)
	}
	if n, err := client.Retry(ctx, ""); n != 3 || err != nil || api.lastID != "" {
		t.Errorf("Retry = %d, %v with %q", n, err, api.lastID)
	}
	if n, err := client.Approve(ctx, "h1"); n != 4 || err != nil || api.lastID != "h1" {
		t.Errorf("Approve = %d, %v with %q", n, err, api.lastID)
	}
	if n, err := client.Reject(ctx, "h2"); n != 5 || err != nil || api.lastID != "h2" {
		t.Errorf("Reject = %d, %v with %q", n, err, api.lastID)
	}
	for op, call := range map[string]func(context.Context, string) error{
		"pause": client.Pause, "resume": client.Resume, "forget": client.Forget,
	} {
		if err := call(ctx, "h"); err != nil || api.lastID != op+" h" {
			t.Errorf("%s: %v, %q", op, err, api.lastID)
		}
	}
	if p, err := client.Progress(ctx, control.ProgressRequest{From: 2, To: 5}); err != nil || p.Left != 3 {
		t.Errorf("Progress: %+v, %v", p, err)
	}
	if d, err := client.Diff(ctx, control.DiffRequest{Handler: "h"}); err != nil || d.Checked != 2 || d.Entries[0].Handler != "h" {
		t.Errorf("Diff: %+v, %v", d, err)
	}
	if r, err := client.Audit(ctx, control.AuditRequest{Cause: "c"}); err != nil || r.Cause != "c" || r.Counts["older"] != 1 || !r.Began.IsZero() {
		t.Errorf("Audit: %+v, %v", r, err)
	}
	if err := client.Drop(ctx, "p1"); err != nil || api.lastID != "p1" {
		t.Errorf("Drop: %v with %q", err, api.lastID)
	}
	request := control.ResyncRequest{Handler: "mailbox", Selection: control.Selection{Address: "a@example.test"}, DryRun: true}
	if result, err := client.Resync(ctx, request); err != nil || len(result.Entries) != 1 || api.lastReq != request {
		t.Errorf("Resync = %v, %v with %v", result, err, api.lastReq)
	}
	entries, err := client.Entries(ctx, control.Selection{DN: "uid=a"})
	if err != nil || len(entries) != 1 || entries[0].Attrs["uid"][0] != "a" || api.lastSel.DN != "uid=a" {
		t.Errorf("Entries = %v, %v with %v", entries, err, api.lastSel)
	}
	if all, err := client.Stores(ctx, control.StoreQuery{Kept: true}); err != nil || all == nil || len(all) != 0 || !api.queried.Kept {
		t.Errorf("Stores = %v, %v with %v", all, err, api.queried)
	}
	if u, err := client.StoreUsage(ctx, control.StoreName{Path: "abc"}); err != nil || u.Messages != 3 {
		t.Errorf("StoreUsage = %v, %v", u, err)
	}
	if r, err := client.RestoreStore(ctx, control.RestoreRequest{ID: "x", As: "y"}); err != nil || r.Path != "xy" {
		t.Errorf("RestoreStore = %v, %v", r, err)
	}
	if r, err := client.PurgeStores(ctx, control.PurgeRequest{IDs: []string{"x"}}); err != nil || len(r.Removed) != 1 {
		t.Errorf("PurgeStores = %v, %v", r, err)
	}
	if all, err := client.Advise(ctx); err != nil || all == nil || len(all) != 0 {
		t.Errorf("Advise = %v, %v", all, err)
	}
	if result, err := client.Backup(ctx); err != nil || result.Path != "/copy" {
		t.Errorf("Backup = %v, %v", result, err)
	}
	if all, err := client.Explain(ctx, control.Selection{UUID: "x"}); err != nil || all == nil || len(all) != 0 || api.lastSel.UUID != "x" {
		t.Errorf("Explain = %v, %v with %v", all, err, api.lastSel)
	}
	result, err := client.Wait(ctx)
	if diff := cmp.Diff(control.WaitResult{Parked: []control.Parked{}, Held: []control.Held{}}, result); diff != "" || err != nil {
		t.Errorf("Wait: %v %s", err, diff)
	}
}

func TestErrorsSurviveTheSocket(t *testing.T) {
	cases := []struct {
		err, class error
		text       string
	}{
		{fmt.Errorf("parked entry %q: %w", "x", control.ErrNotFound), control.ErrNotFound, `parked entry "x": not found`},
		{schema.Invalidf("address %q is wrong", "a"), schema.ErrInvalid, `address "a" is wrong`},
		{errors.New("disk full"), nil, "disk full"},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			client, _ := serve(t, &fake{err: c.err})
			_, err := client.Parked(t.Context())
			if err == nil || err.Error() != c.text {
				t.Fatalf("error %v, want %q", err, c.text)
			}
			for _, class := range []error{control.ErrNotFound, schema.ErrInvalid} {
				if errors.Is(err, class) != (class == c.class) {
					t.Errorf("errors.Is(%v, %v) = %v", err, class, class != c.class)
				}
			}
		})
	}
}

func TestCallsAreLoggedWithTheirPeer(t *testing.T) {
	client, log := serve(t, &fake{})
	if _, err := client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"op=status", fmt.Sprintf("uid=%d", os.Getuid()), fmt.Sprintf("pid=%d", os.Getpid())} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
}

func TestWaitEndsWithItsCaller(t *testing.T) {
	entered, left := make(chan struct{}), make(chan error, 1)
	client, _ := serve(t, &fake{wait: func(ctx context.Context) (control.WaitResult, error) {
		close(entered)
		<-ctx.Done()
		left <- ctx.Err()
		return control.WaitResult{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := client.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the server's Wait ended with %v", err)
	}
}

func TestWaitSaysWhatItWaitedFor(t *testing.T) {
	client, _ := serve(t, &fake{wait: func(ctx context.Context) (control.WaitResult, error) {
		<-ctx.Done()
		return control.WaitResult{}, errors.New("still waiting for handler mailbox")
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := client.Wait(ctx); err == nil || err.Error() != "still waiting for handler mailbox" {
		t.Errorf("Wait: %v", err)
	}
}

func TestStoppingEndsWait(t *testing.T) {
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	api := &fake{wait: func(ctx context.Context) (control.WaitResult, error) {
		stop()
		<-ctx.Done()
		return control.WaitResult{}, ctx.Err()
	}}
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, api, slog.New(slog.DiscardHandler)) }()
	client := control.NewClient(path)
	if _, err := client.Wait(t.Context()); err == nil {
		t.Error("Wait answered although the daemon stops")
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestNoDaemon(t *testing.T) {
	path := socketPath(t)
	_, err := control.NewClient(path).Status(t.Context())
	if want := "the daemon does not answer on " + path + ": no such file or directory (systemctl start mailreg-listener starts it)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another daemon serves") {
		t.Errorf("a second Listen: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}

	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err = Listen(path)
	if err != nil {
		t.Fatalf("a dead daemon's socket: %v", err)
	}
	l.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file in the way now holds %q", data)
	}
	if _, err := Listen("/" + strings.Repeat("x", 110)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a long path: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	path, _ := serveAt(t, &fake{})
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}} // as curl asks
	cases := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/retry", `{"id":`, http.StatusBadRequest},
		{"POST", "/v1/retry", `{"identity":"x"}`, http.StatusBadRequest},
		{"POST", "/v1/retry", `{"id":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusBadRequest},
		{"GET", "/v1/retry", ``, http.StatusNotFound},
		{"POST", "/v1/explode", `{}`, http.StatusNotFound},
		{"GET", "/v1/status", ``, http.StatusOK},
	}
	for _, c := range cases {
		request, err := http.NewRequestWithContext(t.Context(), c.method, "http://mailreg"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s %s %.40s: status %d, want %d", c.method, c.path, c.body, response.StatusCode, c.status)
		}
	}
}
