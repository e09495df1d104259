package cyrus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Host is the Cyrus of a host: its connection, and which store each owner has. One process has one, so that neither is
// looked for with each change. Its zero value is ready.
type Host struct {
	// turn holds one value: whoever has it works.
	turn chan struct{}
	once sync.Once

	// The rest is for whoever works.
	session *session
	login   [3]string
	owners  map[schema.UUID]string
	record  *record
}

// record tells when a Cyrus got its first store of ours. Claims that are older are honoured whatever the age of a store.
type record struct {
	Version int       `json:"mailreg"`
	Time    time.Time `json:"time"`
}

// Backend returns the keeper of stores as a configuration says.
func (h *Host) Backend(cfg Config) *Backend { return &Backend{cfg: cfg.filled(), host: h} }

// work is one change, or one look, with the connection to itself.
type work struct {
	*Backend
	ctx     context.Context
	session *session
	cancel  context.CancelFunc
}

// begin waits for its turn and connects. The caller must end the work.
func (b *Backend) begin(ctx context.Context) (*work, error) {
	h := b.host
	h.once.Do(func() { h.turn = make(chan struct{}, 1) })
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	within, cancel := context.WithTimeout(ctx, callLimit)
	w := &work{Backend: b, ctx: within, cancel: cancel}
	if err := h.connect(within, b.cfg); err != nil {
		w.end()
		return nil, err
	}
	w.session = h.session
	return w, nil
}

// connect makes sure of a living connection.
func (h *Host) connect(ctx context.Context, cfg Config) error {
	login := [3]string{cfg.Address, cfg.User, cfg.Secret}
	if h.session != nil && (h.login != login || !h.session.alive(ctx)) {
		h.drop()
	}
	if h.login != login {
		h.login, h.owners, h.record = login, nil, nil
	}
	if h.session != nil {
		return nil
	}
	s, err := dial(ctx, cfg, "")
	h.session = s
	return err
}

// drop forgets the connection, and what was known of stores: another process may have come between.
func (h *Host) drop() {
	if h.session != nil {
		_ = h.session.Close()
	}
	h.session, h.owners, h.record = nil, nil, nil
}

func (w *work) end() {
	w.cancel()
	<-w.host.turn
}

// do runs commands. What Cyrus refuses comes back as it said it; a connection that fails is a target that is down.
func (w *work) do(commands func(s *session) error) error {
	if w.host.session == nil {
		return &schema.TargetDown{Target: Target, Err: errors.New("the connection was lost")}
	}
	err := w.session.bounded(w.ctx, func() error { return commands(w.session) })
	if err == nil || answered(err) != nil && w.ctx.Err() == nil {
		return err
	}
	w.host.drop()
	return down(w.ctx, err)
}

// change is do for what changes the server, which tests may let fail.
func (w *work) change(op, mailbox string, commands func(s *session) error) error {
	if w.cfg.Fault != nil {
		if err := w.cfg.Fault(op, mailbox); err != nil {
			return err
		}
	}
	if err := w.do(commands); err != nil {
		return fmt.Errorf("%s %s: %w", op, mailbox, err)
	}
	return nil
}

// failed names the store in an error.
func failed(uuid schema.UUID, err error) error {
	if err == nil {
		return nil
	}
	if says(err, "invalid mailbox name") {
		return schema.Invalidf("store of %s: %w", uuid, err)
	}
	return fmt.Errorf("store of %s: %w", uuid, err)
}
