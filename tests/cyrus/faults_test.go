package cyrus

import (
	"context"
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/schema"
)

var every = flag.Bool("cyrus.every", false, "TestBroken breaks each command and each change on each release, not a sample of them")

const (
	// patience is how long a daemon waits for a Cyrus that is stuck.
	patience = 300 * time.Millisecond
)

var errKilled = errors.New("killed")

// deed is something that is done to stores, with what they are to be like afterwards, however often it was broken off.
type deed struct {
	name  string
	setup func(w *world)
	do    func(ctx context.Context, b *cyrus.Backend, id string) error
	want  []string
	// picks says that do needs the id of what was moved aside; later tries find that it is gone.
	picks bool
}

func deeds() []deed {
	a, b := person("a", "x"), person("b", "y")
	a2, b2 := person("a", "y"), person("b", "x")
	nothing := func(*world) {}
	return []deed{
		{name: "create", setup: nothing, want: []string{"live a x"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
			return k.Ensure(ctx, a, true)
		}},
		{
			name: "rename", setup: func(w *world) { w.has(a, "m"); w.limit(a, 100) },
			want: []string{"live a y INBOX/Spam/ms INBOX/m 100"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, a2, true)
			},
		},
		{
			name: "rename to where mail has come", setup: func(w *world) { w.has(a, "m"); w.comes(a2, "early") },
			want: []string{"live a y INBOX/Spam/ms INBOX/early INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, a2, true)
			},
		},
		{
			name: "rename=no", setup: func(w *world) { w.has(a, "m") },
			want: []string{"live a x INBOX/Spam/ms INBOX/m", "live a y"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, a2, false)
			},
		},
		{
			name: "swap", setup: func(w *world) { w.has(a, "m"); w.has(b, "n") },
			want: []string{"live a y INBOX/Spam/ms INBOX/m", "live b x INBOX/Spam/ns INBOX/n"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				aside := away(a, "")
				aside.Unless = a2.Address
				return errors.Join(k.SetAside(ctx, aside), k.Ensure(ctx, b2, true), k.Ensure(ctx, a2, true))
			},
		},
		{
			name: "trash", setup: func(w *world) { w.has(a, "m") },
			want: []string{"deleteddeleted a x INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Trash(ctx, away(a, backend.Deleted))
			},
		},
		{
			name: "set aside and trashed", setup: func(w *world) { w.has(a, "m"); w.must(w.daemon().SetAside(w.Context(), away(a, ""))) },
			want: []string{"deleteddeleted a x INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Trash(ctx, away(a, backend.Deleted))
			},
		},
		{
			name: "somebody else's address", setup: func(w *world) { w.has(a, "m") },
			want: []string{"live b x", "quarantinedforeign a x INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, b2, true)
			},
		},
		{
			name: "return", setup: func(w *world) { w.has(a, "m"); w.must(w.daemon().Trash(w.Context(), away(a, backend.Deleted))) },
			want: []string{"live a y INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, a2, true)
			},
		},
		{
			name: "return of a full store to where mail has come", setup: func(w *world) {
				w.has(a, "m")
				w.limit(a, 1)
				w.must(w.daemon().Trash(w.Context(), away(a, backend.Deleted)))
				w.comes(a, "early")
			},
			want: []string{"live a x INBOX/Spam/ms INBOX/early INBOX/m 1"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Ensure(ctx, a, true)
			},
		},
		{
			name: "restore", picks: true, setup: func(w *world) { w.has(a, "m"); w.must(w.daemon().Trash(w.Context(), away(a, backend.Deleted))) },
			want: []string{"live a x INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, id string) error {
				_, err := k.Restore(ctx, id, schema.Address{}, schema.Address{})
				return err
			},
		},
		{
			name: "restore for another", picks: true, setup: func(w *world) {
				w.has(a, "m")
				w.must(w.daemon().Trash(w.Context(), away(a, backend.Deleted)))
				w.has(b, "n")
				w.limit(b, 1)
			},
			want: []string{"live b y INBOX/Spam/ms INBOX/Spam/ns INBOX/m INBOX/n 1"}, do: func(ctx context.Context, k *cyrus.Backend, id string) error {
				_, err := k.Restore(ctx, id, schema.Address{}, b.Address)
				return err
			},
		},
		{
			name: "purge", setup: func(w *world) { w.has(a, "m"); w.must(w.daemon().Trash(w.Context(), away(a, backend.Deleted))) },
			want: nil, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				_, err := k.Empty(ctx)
				return err
			},
		},
		{
			name: "another id", setup: func(w *world) { w.has(a, "m") },
			want: []string{"live b x INBOX/Spam/ms INBOX/m"}, do: func(ctx context.Context, k *cyrus.Backend, _ string) error {
				return k.Inherit(ctx, a.UUID, b.UUID, a.Address)
			},
		},
	}
}

// TestBroken breaks off each deed, at each change of the daemon's as if it were killed there, and at each command that Cyrus gets
// or does not get; a daemon that starts afterwards does it again. Everybody then has their own mail, once.
func TestBroken(t *testing.T) {
	kinds := []fault{"", refused, unheard, stuck, bye, cut}
	for r, release := range []string{"bookworm", "trixie"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, release)
			for i, d := range deeds() {
				for j, kind := range kinds {
					switch {
					case *every:
						for step := 1; w.play(d, kind, step); step++ {
						}
					case j == (i+3*r)%len(kinds):
						w.play(d, kind, 2+5*i%13)
					}
				}
			}
		})
	}
}

// play breaks a deed at a step, and reports whether it had so many.
func (w *world) play(d deed, kind fault, step int) bool {
	w.Helper()
	w.clear()
	d.setup(w)
	id := ""
	if d.picks {
		id = w.id()
	}
	happened, err := w.breakAt(d, id, kind, step)
	if happened && kind != "" && kind != refused && err != nil && !errors.As(err, new(*schema.TargetDown)) {
		w.Errorf("%s, %s at %d: %v, want a target that is down", d.name, kind, step, err)
	}
	for try := 0; err != nil && try < 3; try++ {
		err = d.do(w.Context(), w.daemon(), id)
	}
	if err != nil && !(d.picks && w.gone(id)) {
		w.Errorf("%s, %s at %d: does not get through: %v", d.name, kind, step, err)
	}
	if diff := cmp.Diff(d.want, w.state()); diff != "" {
		w.Errorf("%s, %q at %d (-want +got):\n%s", d.name, kind, step, diff)
	}
	return happened
}

// gone reports whether nothing of an id is left to restore: the try that was broken off had come to its end.
func (w *world) gone(id string) bool {
	kept, err := w.daemon().Kept(w.Context())
	w.must(err)
	return !slices.ContainsFunc(kept, func(s backend.Store) bool { return s.ID == id })
}

// breakAt does a deed and breaks it off.
func (w *world) breakAt(d deed, id string, kind fault, step int) (happened bool, err error) {
	w.Helper()
	if kind == "" {
		dying, count := w.cfg, 0
		dying.Fault = func(string, string) error {
			if count++; count >= step {
				return errKilled
			}
			return nil
		}
		err = d.do(w.Context(), new(cyrus.Host).Backend(dying), id)
		return count >= step, err
	}
	w.wire.set(kind, step)
	defer w.wire.set("", 0)
	ctx := w.Context()
	if kind == stuck {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	err = d.do(ctx, w.daemon(), id)
	return w.wire.happened(), err
}
