package fetchmail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// look is how often settings are read, and the boxes on the disk, while nobody is to be polled.
const look = 5 * time.Second

// Run polls until ctx ends. After a start, who has waited longest comes first.
func (h *Handler) Run(ctx context.Context) error {
	users, err := h.spool.Users()
	if err != nil {
		return err
	}
	for _, uuid := range users {
		last, err := h.spool.Last(uuid)
		if err != nil {
			h.cfg.Logger.Warn("the last poll is not known", "handler", Name, "uuid", uuid.String(), "err", err)
		}
		h.plan.note(uuid, last)
		if view, err := h.cfg.View(); err == nil {
			h.plan.due(uuid, last.Time.Add(interval(view)))
		}
	}
	var polls sync.WaitGroup
	defer polls.Wait()
	for {
		wait := h.start(ctx, &polls)
		select {
		case <-ctx.Done():
			return nil
		case <-h.plan.wake:
		case <-time.After(wait):
		}
	}
}

func interval(view *registry.View) time.Duration {
	return time.Duration(view.Int("fetchmail/interval")) * time.Second
}

// Polled reports whether mail is fetched by itself (fetchmail/autostart).
func Polled(view *registry.View) bool { return view.String("fetchmail/autostart") == "yes" }

// start begins the polls that are due, as many as there may be at once, and returns when to look again.
func (h *Handler) start(ctx context.Context, polls *sync.WaitGroup) time.Duration {
	view, err := h.cfg.View()
	if err != nil || !Polled(view) {
		return look
	}
	for {
		uuid, wait, ok := h.plan.next(h.cfg.Now(), int(view.Int("fetchmail/parallel")))
		if !ok {
			return min(cmp.Or(wait, look), look)
		}
		ctx, cancel := context.WithCancel(ctx)
		h.plan.begin(uuid, cancel)
		polls.Go(func() {
			defer cancel()
			h.poll(ctx, uuid, view)
		})
	}
}

// poll fetches for one user. Whatever comes of it, the next poll is an interval away.
func (h *Handler) poll(ctx context.Context, uuid schema.UUID, view *registry.View) {
	r, busy, err := h.cfg.Poll(ctx, uuid, Where(view))
	again := h.cfg.Now().Add(interval(view))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		h.cfg.Logger.Warn("mail could not be fetched", "handler", Name, "uuid", uuid.String(), "err", err)
		r.Failed = []string{err.Error()}
	case busy: // by hand
	default:
		for _, reason := range r.Failed {
			h.cfg.Logger.Info("a mailbox elsewhere could not be fetched", "handler", Name, "uuid", uuid.String(), "err", errors.New(reason))
		}
	}
	h.plan.end(uuid, again, r)
}

// Where returns where fetched mail goes by the settings.
func Where(view *registry.View) fetchmail.Delivery {
	d := fetchmail.Delivery{
		Host: "127.0.0.1", Port: view.Int("mail/smtpport"), Domains: view.List("mail/hosteddomains"),
		ClearText: view.Bool("fetchmail/cleartext"),
	}
	if listen := view.List("mail/postfix/listen"); len(listen) > 0 {
		d.Host = listen[0]
	}
	return d
}

// Notes says how many users do not get their mail from elsewhere. It may be asked of nil, where no mail is fetched.
func (h *Handler) Notes() []string {
	if h == nil {
		return nil
	}
	failed, of := h.plan.failures()
	if failed == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the mailboxes elsewhere of %d of %d users could not be fetched at the last poll: mailreg fetchmail list", failed, of)}
}
