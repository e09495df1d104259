package account

import (
	"context"
	"time"
)

// afterwards is when sessions of blocked accounts are looked for once more: a login that had passed the table when it was
// written begins its session some time later.
func afterwards() []time.Duration { return []time.Duration{time.Second, 10 * time.Second} }

// sweepLater has Run look for such sessions.
func (h *Handler) sweepLater() {
	select {
	case h.late <- struct{}{}:
	default:
	}
}

// Run ends sessions that began while access ended, until the context does. Errors are logged; what was missed then is found
// after the next change, or at the next start.
func (h *Handler) Run(ctx context.Context) error {
	var looks []<-chan time.Time
	for {
		var next <-chan time.Time
		if len(looks) > 0 {
			next = looks[0]
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.late:
			looks = looks[:0]
			for _, after := range afterwards() {
				looks = append(looks, time.After(after))
			}
		case <-next:
			looks = looks[1:]
			if err := h.sweep(ctx); err != nil && ctx.Err() == nil {
				h.cfg.Logger.Warn("looking for sessions of blocked accounts", "handler", Name, "op", "sweep", "err", err)
			}
		}
	}
}

// sweep ends the sessions of all who are blocked.
func (h *Handler) sweep(ctx context.Context) error {
	table, err := h.blocked()
	if err != nil {
		return err
	}
	var users []string
	for _, names := range table {
		users = append(users, names...)
	}
	return h.kick(ctx, users)
}
