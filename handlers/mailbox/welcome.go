package mailbox

import (
	"context"
	"errors"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/letter"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Welcomer is a Backend that can send the owner of a new store a first mail.
type Welcomer interface {
	// Welcome calls send when the owner's store was made and not welcomed yet. id is the mail's Message-ID.
	Welcome(ctx context.Context, o backend.Owner, id string, send func() error) error
	// Running reports whether the server runs.
	Running() (bool, error)
	// Deliver gives it a letter.
	Deliver(ctx context.Context, l letter.Letter) error
}

// welcomes reports whether new users get a first mail.
func welcomes(view *registry.View) bool { return len(view.List("mail/mailbox/welcome/languages")) > 0 }

// welcomeLeft sends the first mail to those who could not have it when their stores were made, because Dovecot did not run, or
// the daemon ended.
func (h *Handler) welcomeLeft(ctx context.Context) error {
	view, err := h.cfg.View()
	if err != nil || !welcomes(view) {
		return err
	}
	keeper, err := h.Keeper(view)
	if err != nil {
		return err
	}
	server, can := keeper.(interface {
		Welcomer
		Unwelcomed(ctx context.Context) ([]backend.Owner, error)
	})
	if !can {
		return nil
	}
	if running, err := server.Running(); err != nil || !running {
		return err
	}
	left, err := server.Unwelcomed(ctx)
	for _, o := range left {
		err = errors.Join(err, h.greet(ctx, server, view, o))
	}
	return err
}

// welcome sends the owner of a new store the first mail, once. While the server does not run it waits for welcomeLeft.
func (h *Handler) welcome(ctx context.Context, keeper Backend, o backend.Owner) error {
	server, can := keeper.(Welcomer)
	view, err := h.cfg.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	if !can || !welcomes(view) {
		return nil
	}
	if running, err := server.Running(); err != nil || !running {
		return err
	}
	return h.greet(ctx, server, view, o)
}

// greet sends the first mail, unless somebody is at it.
func (h *Handler) greet(ctx context.Context, server Welcomer, view *registry.View, o backend.Owner) error {
	if _, busy := h.greeting.LoadOrStore(o.UUID, nil); busy {
		return nil
	}
	defer h.greeting.Delete(o.UUID)
	l, err := h.firstLetter(view, o)
	if err != nil {
		return err
	}
	return server.Welcome(ctx, o, l.MessageID(), func() error {
		err := server.Deliver(ctx, l)
		if err != nil && !errors.Is(err, schema.ErrTemporary) {
			h.cfg.Logger.Warn("a new user is not welcomed", "handler", Name, "uuid", o.UUID, "err", err)
			return nil
		}
		return err
	})
}

func (h *Handler) firstLetter(view *registry.View, o backend.Owner) (letter.Letter, error) {
	host, err := view.FQDN()
	if err != nil {
		return letter.Letter{}, err
	}
	text := func(language string) string { return view.String("mail/mailbox/welcome/text/" + language) }
	return letter.Letter{
		From: view.String("mail/dovecot/postmaster_address"), To: o.Address, Subject: view.String("mail/mailbox/welcome/subject"),
		Paragraphs: letter.Texts(view.List("mail/mailbox/welcome/languages"), text, "$ADDRESS", o.Address.String()),
		Date:       h.now(), Host: host, ID: "welcome-" + o.UUID.String(),
	}, nil
}
