package listener

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func TestResyncOfATree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newTree(t)
		r.pretend(nil, end(1, false))
		r.start()
		ctx := t.Context()
		result, err := r.Resync(ctx, control.ResyncRequest{Selection: control.Selection{Below: "OU=a, dc=t"}, DryRun: true})
		if err != nil || len(result.Effects) != 2 || result.Effects[0].Op != "again" || result.Effects[0].Takes || result.From != result.To {
			t.Errorf("dry run: %+v, %v", result, err)
		}
		r.expect()
		r.target.fail = func(schema.Change) error { return &schema.TargetDown{Target: "x", Err: errors.New("down")} }
		result, err = r.Resync(ctx, control.ResyncRequest{Handler: "target", Selection: control.Selection{Below: "ou=a,dc=t"}})
		if err != nil || len(result.Entries) != 2 {
			t.Errorf("resync: %+v, %v", result, err)
		}
		at := control.ProgressRequest{From: result.From, To: result.To}
		pass(0)
		if p, err := r.Progress(ctx, at); err != nil || p.Left != 2 {
			t.Errorf("progress: %+v, %v", p, err)
		}
		r.target.fail = nil
		pass(time.Hour)
		if p, err := r.Progress(ctx, at); err != nil || p.Left+p.Waiting != 0 {
			t.Errorf("progress at the end: %+v, %v", p, err)
		}
		r.expectAny("change u1 a1 a1", "change u2 a2 a2")
	})
}

// latecomer answers a question just before the entry changes, and the answer arrives after the change.
type latecomer struct {
	Probe
	late func()
}

func (l latecomer) Verify(ctx context.Context, uuid schema.UUID, dn string) (Verdict, *schema.Entry, error) {
	verdict, entry, err := l.Probe.Verify(ctx, uuid, dn)
	l.late()
	return verdict, entry, err
}

// TestReloadDoesNotUndoWhatComesMeanwhile: the stream of changes knows better than an answer that was under way.
func TestReloadDoesNotUndoWhatComesMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 2)
		r.config.Probe = latecomer{r.config.Probe, func() {
			r.dir.set(user(2, "new"))
			pass(0)
		}}
		r.start()
		request := control.ResyncRequest{Handler: "target", Reload: true, Selection: control.Selection{UUID: id(2).String()}}
		if _, err := r.Resync(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		pass(0)
		if calls := r.target.taken(); len(calls) == 0 || !strings.HasSuffix(calls[len(calls)-1], "new") {
			t.Errorf("calls %q", calls)
		}
	})
}

func TestResyncReloads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 3)
		s.slip(dated(2, "new", 9))
		one := control.Selection{UUID: id(2).String()}
		if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target", Reload: true}); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("reloading everything: %v", err)
		}
		if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target", Reload: true, Selection: one}); err != nil {
			t.Error(err)
		}
		pass(0)
		if calls := r.target.taken(); len(calls) == 0 || calls[0] != "change u2 a2 new" { // and perhaps once more
			t.Errorf("calls %q", calls)
		}
		d, err := r.Diff(t.Context(), control.DiffRequest{})
		if err != nil || len(d.Entries) != 0 || d.Checked != 3 {
			t.Errorf("diff: %+v, %v", d, err)
		}
		s.slip(dated(3, "other", 10), dated(9, "a9", 11))
		d, err = r.Diff(t.Context(), control.DiffRequest{})
		if err != nil || len(d.Entries) != 2 || d.Entries[0].Directory != "older" || d.Entries[1].Directory != "missing" {
			t.Errorf("diff: %+v, %v", d, err)
		}
	})
}
