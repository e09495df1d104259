package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/schema"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mailreg": main, "ucr": main, "univention-config-registry": main})
}

// TestStories runs the command line as people do. Each story has a root of its own; the command
// "daemon" starts a fake daemon there, which with "stuck" never gets done.
func TestStories(t *testing.T) { runStories(t, "testdata") }

// TestPeerStories plays what the tests and measurements of the peer's tool fix, section by section, on ours.
func TestPeerStories(t *testing.T) { runStories(t, "ucr/testdata") }

func runStories(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("MAILREG_ROOT", env.WorkDir)
			env.Setenv("LC_ALL", "C")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"daemon": startDaemon, "exits": exits},
	})
}

// exits CODE COMMAND...: runs mailreg and checks its exit code, which the "exec" of testscript does not tell.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "exit status 0"
	if err != nil {
		got = err.Error()
	}
	if want := "exit status " + args[0]; got != want {
		ts.Fatalf("%s: %s, want %s", strings.Join(args[1:], " "), got, want)
	}
}

func startDaemon(ts *testscript.TestScript, _ bool, args []string) {
	socket := filepath.Join(ts.Getenv("WORK"), controlSocket)
	l, err := server.Listen(socket)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, l, fakeDaemon{stuck: len(args) > 0 && args[0] == "stuck"}, slog.New(slog.DiscardHandler))
	}()
	ts.Defer(func() {
		cancel()
		ts.Check(<-done)
	})
}

// fakeDaemon has one entry parked, one batch held, and is done or, when stuck, never done.
type fakeDaemon struct{ stuck bool }

func (d fakeDaemon) parked() []control.Parked {
	return []control.Parked{{
		ID: "p1", Handler: "mailbox", DN: "uid=anna,dc=example,dc=test", Reason: `uid=anna,dc=example,dc=test: address "a b@example.test": character ' ' is not allowed`,
		Since: time.Unix(1700000000, 0), Attempts: 1,
	}}
}

func (d fakeDaemon) held() []control.Held {
	return []control.Held{{
		ID: "h1", Handler: "mailbox", Reason: "25 stores would be taken away", Since: time.Unix(1700000000, 0), Count: 2,
		Entries: []control.HeldEntry{{DN: "uid=b,dc=example,dc=test"}, {DN: "uid=c,dc=example,dc=test", Waits: true}},
	}}
}

func (d fakeDaemon) Status(context.Context) (control.Status, error) {
	status := control.Status{
		Ready:    !d.stuck,
		Source:   control.SourceStatus{Kind: "syncrepl", URL: "ldap://ldap.example.test", Phase: "persist", LastMessage: control.Moment{Time: time.Unix(1700000000, 0)}},
		Entries:  3,
		Held:     2,
		Handlers: []control.HandlerStatus{{Name: "mailbox", Parked: 1, LastSuccess: control.Moment{Time: time.Unix(1700000000, 0)}}, {Name: "domain"}},
	}
	if d.stuck {
		status.Reasons = []string{"dovecot is down"}
		status.Handlers[0].Pending = 2
		status.Handlers[0].LastError, status.Handlers[0].LastErrorAt.Time = "connection refused", time.Unix(1700000000, 0)
	}
	return status, nil
}

func (d fakeDaemon) Wait(ctx context.Context) (control.WaitResult, error) {
	if d.stuck {
		<-ctx.Done()
		return control.WaitResult{}, errors.New("still waiting for handler mailbox: 2 changes")
	}
	return control.WaitResult{Parked: d.parked(), Held: d.held()}, nil
}

func (d fakeDaemon) Parked(context.Context) ([]control.Parked, error) { return d.parked(), nil }
func (d fakeDaemon) Held(context.Context) ([]control.Held, error)     { return d.held(), nil }

func (d fakeDaemon) Drop(_ context.Context, id string) error {
	if id != "p1" {
		return fmt.Errorf("parked entry %q: %w", id, control.ErrNotFound)
	}
	return nil
}

func (d fakeDaemon) Retry(context.Context, string) (int, error)   { return 1, nil }
func (d fakeDaemon) Approve(context.Context, string) (int, error) { return 2, nil }
func (d fakeDaemon) Reject(context.Context, string) (int, error)  { return 2, nil }

func (d fakeDaemon) Planned(context.Context) ([]control.Planned, error) {
	return []control.Planned{{Handler: "mailbox", DN: "uid=anna", Op: "change", Takes: true, Steps: []string{"move a@x to b@x"}, Reason: "waits"}}, nil
}

func (d fakeDaemon) Pause(_ context.Context, handler string) error  { return d.known(handler) }
func (d fakeDaemon) Resume(_ context.Context, handler string) error { return d.known(handler) }
func (d fakeDaemon) Forget(_ context.Context, handler string) error { return d.known(handler) }

func (d fakeDaemon) known(handler string) error {
	if handler != "mailbox" {
		return fmt.Errorf("no handler is called %q", handler)
	}
	return nil
}

func (fakeDaemon) Backup(context.Context) (control.BackupResult, error) {
	return control.BackupResult{}, nil
}

func (d fakeDaemon) Resync(_ context.Context, r control.ResyncRequest) (control.ResyncResult, error) {
	if r.Handler != "mailbox" {
		return control.ResyncResult{}, schema.Invalidf("unknown handler %q", r.Handler)
	}
	if strings.HasPrefix(r.Selection.Address, "nobody@") {
		return control.ResyncResult{}, nil
	}
	return control.ResyncResult{Entries: []control.Entry{{DN: r.Selection.DN}}}, nil
}

func (d fakeDaemon) Progress(context.Context, control.ProgressRequest) (control.Progress, error) {
	return control.Progress{Waiting: 1}, nil
}

func (d fakeDaemon) Diff(_ context.Context, r control.DiffRequest) (control.DiffResult, error) {
	if strings.HasPrefix(r.Selection.Address, "nobody@") {
		return control.DiffResult{}, nil
	}
	if r.Handler == "domain" {
		return control.DiffResult{Checked: 3, Entries: []control.DiffEntry{}}, nil
	}
	return control.DiffResult{Checked: 3, Entries: []control.DiffEntry{{
		DN: "uid=anna", Handler: "mailbox", Directory: "same", Acknowledged: "change", Reason: "parked: bad address",
		Server: []schema.Difference{{What: "store", Want: "anna@x"}},
	}}}, nil
}

func (d fakeDaemon) Audit(_ context.Context, r control.AuditRequest) (control.AuditReport, error) {
	report := control.AuditReport{
		Entries: 40, Drift: 2, Repaired: 2, DryRun: r.DryRun, Counts: map[string]int{"older": 2},
		Examples: []control.Drift{{DN: "uid=anna,dc=example,dc=test", Kind: "older"}},
	}
	if r.DryRun {
		report.Repaired = 0
	}
	return report, nil
}

func (d fakeDaemon) Entries(context.Context, control.Selection) ([]control.Entry, error) {
	return nil, nil
}

func (d fakeDaemon) Moves(context.Context) ([]control.Move, error) { return nil, nil }

func (d fakeDaemon) Move(context.Context, control.MoveRequest) error { return nil }

func (d fakeDaemon) Advise(context.Context) ([]control.Advice, error) {
	return []control.Advice{{Check: "index", Level: "warning", Message: "no index of entryUUID", LDIF: "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"}}, nil
}

func (d fakeDaemon) Explain(context.Context, control.Selection) ([]control.Explanation, error) {
	return nil, nil
}
