package listener

import (
	"context"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// hourOf is the hour of the day in which an entry is compared with the mail server.
func hourOf(uuid schema.UUID) int { return int(uuid[15]) * 24 / 256 }

// slices compares every hour a part of what handlers have acknowledged with the mail server, so that all comes round in a
// day. What differs goes back to its handler, past the brake like any change; but for what a person has kept from happening.
func (l *Listener) slices(ctx context.Context) error {
	hour := l.cfg.Now().Hour() // counted from here on: no hour is left out because comparing takes time
	for ; lull(ctx, time.Hour); hour = (hour + 1) % 24 {
		if l.cfg.Staging {
			continue
		}
		status := control.SliceStatus{}
		for _, w := range l.workers {
			if err := w.slice(ctx, hour, &status); err != nil && ctx.Err() == nil {
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

// sliceNotes says what a person should know of the last part.
func sliceNotes(s *control.SliceStatus) []string {
	if s == nil || s.Failed == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d entries could not be compared with the mail server: %s", s.Failed, s.Failed+s.Checked, s.Error)}
}

// slice compares the entries of one hour. A server that is down is not asked about the next one.
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
	for i, uuid := range all {
		c, err := w.compare(ctx, &schema.Entry{UUID: uuid})
		if err != nil || ctx.Err() != nil {
			return err
		}
		if isDown(c.failed) {
			status.Failed, status.Error = status.Failed+len(all)-i, c.Error
			return c.failed
		}
		if err := w.sliced(uuid, c, status); err != nil {
			return err
		}
	}
	return nil
}

// sliced takes in what one entry was found to be.
func (w *worker) sliced(uuid schema.UUID, c comparison, status *control.SliceStatus) error {
	if c.failed != nil {
		status.Failed, status.Error = status.Failed+1, c.Error
		return nil
	}
	status.Checked++
	if len(c.Server) == 0 || c.Waived {
		return nil
	}
	status.Differed++
	w.log.Warn("the mail server differs from what was acknowledged", "op", "diff", "uuid", uuid.String(),
		"err", c.Server[0].What)
	return w.l.update(func(e *edit) error {
		if _, open := e.tx.Handler(w.name).Mark(uuid); !open { // else it is at work by now
			e.again(w, []*schema.Entry{{UUID: uuid}}, false)
		}
		return nil
	})
}
