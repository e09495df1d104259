package mailbox

import (
	"context"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
)

const (
	// purgeEvery is how often Run looks for trash that was kept long enough.
	purgeEvery = time.Hour
	// sweepSoon is when Run looks at a place after a store has left it.
	sweepSoon = 310 * time.Millisecond
	// sweepIdle is how often Run looks for places that another process, such as the command line, has vacated.
	sweepIdle = 30 * time.Second
)

// Run purges the trash now and every hour, and sweeps the places that stores have left, all of them now, until the context
// ends. Errors are logged: the next time tries again.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	h.tidy(ctx, "purging the trash", h.purge)
	due := time.NewTimer(0)
	defer due.Stop()
	var swept, next time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.tidy(ctx, "purging the trash", h.purge)
		case <-h.vacated:
			soon := time.Now().Add(sweepSoon)
			if next.Before(soon) {
				continue // the look that is to come sets the next one
			}
			next = soon
			due.Reset(sweepSoon)
		case <-due.C:
			now, wait := h.now(), sweepIdle
			h.tidy(ctx, "welcoming new users", h.welcomeLeft)
			h.tidy(ctx, "renewing Sieve scripts", h.refilter)
			h.tidy(ctx, "sweeping vacated places", func(ctx context.Context) error {
				at, err := h.sweep(ctx, swept)
				if err == nil {
					swept = now
				}
				if !at.IsZero() {
					wait = min(wait, max(at.Sub(h.now()), time.Millisecond))
				}
				return err
			})
			next = time.Now().Add(wait)
			due.Reset(wait)
		}
	}
}

func (h *Handler) now() time.Time {
	if h.cfg.Now != nil {
		return h.cfg.Now()
	}
	return time.Now()
}

func (h *Handler) tidy(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		h.cfg.Logger.Error(what, "handler", Name, "err", err)
	}
}

// leave tells Run that a store may have left its place.
func (h *Handler) leave() {
	select {
	case h.vacated <- struct{}{}:
	default: // it will look all the same
	}
}

// sweep passes the check whether a Dovecot runs, since it is for what one that runs has delivered.
func (h *Handler) sweep(ctx context.Context, since time.Time) (next time.Time, err error) {
	trash, err := h.trash()
	spool, ok := trash.(*maildir.Spool)
	if err != nil || !ok {
		return time.Time{}, err
	}
	return spool.Sweep(ctx, since)
}

// purge passes the check whether a Dovecot runs: the trash is out of its sight.
func (h *Handler) purge(ctx context.Context) error {
	trash, err := h.trash()
	if err != nil {
		return err
	}
	removed, err := trash.Purge(ctx)
	if len(removed) > 0 {
		h.cfg.Logger.Info("trash purged", "handler", Name, "stores", len(removed))
	}
	return err
}

// purger empties a trash.
type purger interface {
	Purge(ctx context.Context) ([]string, error)
}

// trash returns who keeps the trash: the spool, also where a Dovecot serves it, or Cyrus.
func (h *Handler) trash() (purger, error) {
	view, err := h.cfg.View()
	if err != nil {
		return nil, err
	}
	name, err := BackendName(h.cfg.Root, view)
	if err != nil || name == Cyrus {
		return h.cyrus(view)
	}
	cfg := SpoolConfig(h.cfg.Root, view, h.cfg.Logger)
	cfg.Now = h.cfg.Now
	if name == Dovecot {
		cfg.Held = dovecot.NewClient(h.cfg.Root).Held
	}
	return maildir.Open(cfg)
}
