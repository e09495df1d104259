package transfer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
)

// viaDovecot moves mail from Dovecot to Dovecot: by tables it keeps users out, and doveadm copies. doveadm here talks to a unix
// socket of ours, which leads through the tunnel to the doveadm socket of the other host.
type viaDovecot struct {
	root    string
	tables  *dovecot.Tables
	doveadm *dovecot.Doveadm
	backend func() (Backend, error)
}

// NewDovecot returns the mover of a root whose mail server is Dovecot.
func NewDovecot(root string, backend func() (Backend, error)) Mover {
	return &viaDovecot{root, dovecot.NewTables(root), dovecot.NewDoveadm(root), backend}
}

// Server returns the name.
func (d *viaDovecot) Server() string { return "Dovecot" }

// Imminent waits for the end of a second: Dovecot looks once in each.
func (d *viaDovecot) Imminent(ctx context.Context) error { return d.tables.BeforeTurn(ctx) }

// Effective waits until Dovecot has seen the tables, and makes it forget what it knew of the names before.
func (d *viaDovecot) Effective(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := d.tables.AfterTurn(ctx); err != nil {
		return err
	}
	b, err := d.backend()
	if err != nil {
		return err
	}
	return b.Flush(ctx, names...)
}

// Receives asks Dovecot where doveadm finds the mail of a user who comes.
func (d *viaDovecot) Receives(ctx context.Context, m Move) error {
	home, err := d.doveadm.Home(ctx, m.Address)
	if err != nil {
		return err
	}
	if filepath.Clean(home) != m.Home {
		return fmt.Errorf("doveadm looks for the mail of %s in %s, not in %s, is mail/homeserver/transfer in force here?: %w",
			m.Address, home, m.Home, ErrElsewhere)
	}
	return nil
}

// Boxes returns the mailboxes that doveadm finds.
func (d *viaDovecot) Boxes(ctx context.Context, m Move) (map[string]backend.Box, error) {
	return d.doveadm.Boxes(ctx, m.Address)
}

// Copy has doveadm copy through a gate.
func (d *viaDovecot) Copy(ctx context.Context, p Pass) error {
	g, ctx, err := openGate(ctx, d.root, p)
	if err != nil {
		return err
	}
	if err = d.doveadm.Copy(ctx, p.Move.Address, g.path, p.Add); err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if far := g.close(); far != nil {
		return far
	}
	return err
}

// Near reaches the doveadm of this host.
func (d *viaDovecot) Near(ctx context.Context, user string, _ bool) (Near, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(d.root, "run/dovecot/doveadm-server"))
	if err != nil {
		return nil, err
	}
	return &nearDoveadm{conn, user}, nil
}

// nearDoveadm is doveadm for the copy of one user.
type nearDoveadm struct {
	net.Conn
	user string
}

// Join leads a copy to doveadm, when it is one of the user.
func (n *nearDoveadm) Join(far net.Conn, from *bufio.Reader) {
	join(far, &guarded{from: from, to: n.Conn, user: n.user}, n.Conn, nil)
}

// protocols are those for which somebody is kept out for a moment: all by which mail comes or is read. doveadm, which
// copies, is none of them.
var protocols = []string{"imap", "pop3", "lmtp", "lda", "sieve", "managesieve", "submission"}

// tables returns what the tables for Dovecot hold while these moves are on their way.
func tables(out, in []Move) map[string][]string {
	all := map[string][]string{"staying": nil, "incoming-doveadm": nil}
	var moving []string
	for _, m := range out {
		for _, name := range m.listed() {
			if !m.Ahead && !m.GivenUp && m.Home != "" {
				all["staying"] = append(all["staying"], fmt.Sprintf("%s::%d:%d::%s::noauthenticate=y userdb_user=%s",
					name, m.UID, m.GID, m.Home, m.Address))
			}
			if m.closed() && !m.GivenUp {
				moving = append(moving, name+":::::::")
			}
		}
	}
	for _, m := range in {
		if m.closed() {
			for _, name := range m.listed() {
				moving = append(moving, name+":::::::")
			}
		}
		if m.State == Receiving {
			all["incoming-doveadm"] = append(all["incoming-doveadm"], fmt.Sprintf("%s::%d:%d::%s::", m.Address, m.UID, m.GID, m.Home))
		}
	}
	slices.Sort(moving)
	moving = slices.Compact(moving)
	for _, protocol := range protocols {
		all["moving-"+protocol] = moving
	}
	return all
}

// Show brings the tables in line with the moves. Dovecot sees them at its next look.
func (d *viaDovecot) Show(out, in []Move) (changed bool, err error) {
	var tasks errgroup.Group // side by side they take the disk as long as one
	var differ atomic.Bool
	for name, lines := range tables(out, in) {
		tasks.Go(func() error {
			changed, err := d.tables.Write(name, lines, name == "staying")
			if changed {
				differ.Store(true)
			}
			return err
		})
	}
	err = tasks.Wait()
	return differ.Load(), err
}
