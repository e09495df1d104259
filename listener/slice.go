package listener

import (
	"context"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// hourOf is the hour of the day in which an entry is compared with the mail server.
func hourOf(uuid schema.UUID) int { return int(uuid[15]) * 24 / 256 }

// slices compares every hour a part of what handlers have acknowledged with the mail server, so that all comes round in a
// day. What differs goes back to its handler, past the brake like any change.
func (l *Listener) slices(ctx context.Context) error {
	for lull(ctx, time.Hour) {
		if l.cfg.Staging {
			continue
		}
		status := control.SliceStatus{}
		for _, w := range l.workers {
			if err := w.slice(ctx, l.cfg.Now().Hour(), &status); err != nil && ctx.Err() == nil {
				w.log.Warn("cannot compare with the mail server", "op", "diff", "err", err)
			}
		}
		status.Last.Time = l.cfg.Now()
		l.mu.Lock()
		l.sliced = &status
		l.mu.Unlock()
	}
	return nil
}

// slice compares the entries of one hour.
func (w *worker) slice(ctx context.Context, hour int, status *control.SliceStatus) error {
	if _, ok := w.handler.(Inspector); !ok {
		return nil
	}
	var all []schema.UUID
	err := w.l.store.View(func(tx *store.Tx) error {
		for uuid := range tx.Handler(w.name).AckedIDs() {
			if hourOf(uuid) == hour {
				all = append(all, uuid)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, uuid := range all {
		d, err := w.compare(ctx, &schema.Entry{UUID: uuid})
		if err != nil || ctx.Err() != nil {
			return err
		}
		status.Checked++
		if len(d.Server) == 0 {
			continue
		}
		status.Differed++
		w.log.Warn("the mail server differs from what was acknowledged", "op", "diff", "uuid", uuid.String(),
			"err", d.Server[0].What)
		err = w.l.update(func(e *edit) error {
			if _, open := e.tx.Handler(w.name).Mark(uuid); !open { // else it is at work by now
				e.again(w, []*schema.Entry{{UUID: uuid}}, false)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
