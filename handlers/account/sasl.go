package account

import (
	"context"
	"time"
)

// saslauthd is the service that checks passwords where Dovecot does not.
const saslauthd = "saslauthd"

// forgetSASL restarts saslauthd when it remembers passwords, once for a burst and at most once a second: it cannot forget a
// name, nor all, in another way. Who logs in meanwhile waits for the tenth of a second that this takes.
func (h *Handler) forgetSASL(ctx context.Context, changed bool) error {
	view, err := h.cfg.View()
	if err != nil || !changed || h.cfg.Restart == nil || !view.Bool("mail/saslauthd/cache/enabled") {
		return err
	}
	wait := time.NewTimer(time.Second - time.Since(h.restarted))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	h.restarted = time.Now()
	return h.cfg.Restart(ctx, saslauthd)
}
