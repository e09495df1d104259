package listener

import (
	"context"
	"errors"

	"github.com/mailreg/mailreg/listener/control"
)

// Mover tells of users on their way between hosts, and steers them: control.API has what its methods do.
type Mover interface {
	Moves(ctx context.Context) ([]control.Move, error)
	Move(ctx context.Context, r control.MoveRequest) error
}

// Moves returns the users on their way from or to other hosts.
func (l *Listener) Moves(ctx context.Context) ([]control.Move, error) {
	if l.cfg.Mover == nil {
		return nil, nil
	}
	return l.cfg.Mover.Moves(ctx)
}

// Move steers one of them.
func (l *Listener) Move(ctx context.Context, r control.MoveRequest) error {
	if l.cfg.Mover == nil {
		return errors.New("this daemon moves no mail between hosts")
	}
	return l.cfg.Mover.Move(ctx, r)
}
