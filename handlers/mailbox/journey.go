package mailbox

import (
	"context"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Journey is a user whom the directory has given another mail home server.
type Journey struct {
	UUID schema.UUID
	DN   string
	// From is the primary address before, zero when it is not known; To is the one from now on.
	From, To schema.Address
	// Peer is the other host, in full and in lower case.
	Peer string
	// Shared says that each host has a store of the user's, and this one perhaps an empty one.
	Shared bool
	// Changed is when the entry changed last, zero when that is not known.
	Changed time.Time
	// Names are those by which the user logs in or gets mail from now on.
	Names []string
}

// Transfer moves mail between hosts (mail/homeserver/transfer). Its methods write down what is wanted and return; each may be
// repeated.
type Transfer interface {
	// Engaged reports whether a user has left this host and is still served by it, or comes to it and is not served yet.
	Engaged(uuid schema.UUID) (leaves, comes bool, err error)
	// HandOver has the mail go to j.Peer, Await has it come from there.
	HandOver(ctx context.Context, j Journey) error
	Await(ctx context.Context, j Journey) error
	// TakeBack ends a HandOver whose user is at home here again. away reports that the mail had left already, and is awaited.
	TakeBack(ctx context.Context, j Journey) (away bool, err error)
	// Cancel ends whatever is on its way for a user who is gone, or gone on.
	Cancel(ctx context.Context, uuid schema.UUID) error
}

// reconsider changes a plan for a user who is on the way already, whatever the change is that is planned: what has been
// begun goes on, turns round or ends.
func (h *Handler) reconsider(ctx context.Context, uuid schema.UUID, plan []Action, m *schema.Mailbox, s Settings) ([]Action, error) {
	if h.cfg.Transfer == nil {
		return plan, nil
	}
	leaves, comes, err := h.cfg.Transfer.Engaged(uuid)
	if err != nil {
		return nil, err
	}
	if comes && s.Here(m) {
		return []Action{{Op: Await, To: m.Primary, Names: Served(m)}}, nil
	}
	if leaves && s.Here(m) {
		away, err := h.cfg.Transfer.TakeBack(ctx, Journey{UUID: uuid, DN: m.DN, To: m.Primary, Names: Served(m)})
		if err != nil || away {
			return nil, err
		}
		return s.takeBack(m), nil
	}
	if leaves && m != nil && !m.Primary.IsZero() && !s.Here(m) {
		return []Action{{Op: HandOver, From: m.Primary, To: m.Primary, Peer: m.HomeServer, Names: Served(m)}}, nil
	}
	if (comes || leaves) && (m == nil || m.Primary.IsZero() || comes) {
		return plan, h.cfg.Transfer.Cancel(ctx, uuid)
	}
	return plan, nil
}

// takeBack is the plan for a user who is at home here again before the mail has left: the store follows as it would have there.
func (s Settings) takeBack(m *schema.Mailbox) []Action {
	flush := Action{Op: Flush, Names: logins(m)}
	plan := []Action{{Op: Move, To: m.Primary}, flush}
	if s.Layout == backend.ByUUID {
		return plan
	}
	plan = append([]Action{flush, {Op: Kick, Names: []string{m.Primary.String()}}}, plan...)
	if s.Named {
		plan = append(plan, Action{Op: Limit, To: m.Primary})
	}
	return plan
}

// journey returns what a step of a plan says about a user who changes the home server. Await without a host keeps the one
// that is known.
func (r *run) journey(a Action) Journey {
	return Journey{UUID: r.owner.UUID, DN: r.dn, Changed: r.owner.Changed, From: a.From, To: a.To, Peer: a.Peer, Shared: a.Shared, Names: a.Names}
}

// makeRoom lets the store of a user who leaves follow to the address that the user has from now on: it is served until it has
// moved, and in layout address the former place may be another's by then.
func (r *run) makeRoom(ctx context.Context, a Action) error {
	if r.backend.Layout() == backend.ByUUID {
		return nil
	}
	at, found, err := r.backend.Address(ctx, r.owner.UUID, a.From, a.To)
	if err != nil || !found || at == a.To {
		return err
	}
	owner := r.owner
	owner.Address = a.To
	names := append(a.Names[:len(a.Names):len(a.Names)], at.String())
	alone := solitude{r.backend, names, []string{at.String(), a.To.String()}}
	return alone.do(ctx, func() error { return r.backend.Ensure(ctx, owner, true) })
}
