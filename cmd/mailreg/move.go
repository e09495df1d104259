package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// moveOptions are the flags of mailbox move.
type moveOptions struct {
	hold, withoutMail, stop, watch bool
	at, to                         string
}

func newMoveCommand(a *app) *cobra.Command {
	var o moveOptions
	command := &cobra.Command{
		Use:   "move [ADDRESS]",
		Short: "Show and steer the mail on its way to another mail home server",
		Long: `move without ADDRESS lists the users whose mail is on its way from or to this host. It begins by itself
when the directory names another mail home server (mail/homeserver/transfer); to move somebody back, name the
former one there. With ADDRESS the user's move goes on now. --hold copies, but lets the user change over only
when a later move is called, --at at a time. --to copies the mail before the directory is changed, so that the
change itself takes seconds; --stop gives that up. On the host that waits for mail, --without-mail lets the user
in although the former host will not send any. --watch shows the progress until the move is over.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listMoves(c.Context())
			}
			return a.move(c.Context(), args[0], o)
		},
	}
	f := command.Flags()
	f.BoolVar(&o.hold, "hold", false, "copy, and wait for another call before the user changes over")
	f.StringVar(&o.at, "at", "", "let the user change over at `TIME`, such as 2026-11-24T22:00 or 22:00")
	f.StringVar(&o.to, "to", "", "copy to the mail home server `HOST` before the directory names it")
	f.BoolVar(&o.stop, "stop", false, "give up a copy that was begun with --to")
	f.BoolVar(&o.withoutMail, "without-mail", false, "let the user in whose mail will not come")
	f.BoolVar(&o.watch, "watch", false, "show the progress until the move is over")
	command.MarkFlagsMutuallyExclusive("hold", "at", "to", "stop", "without-mail")
	jsonFlag(a, command)
	return command
}

func (a *app) listMoves(ctx context.Context) error {
	moves, err := a.daemon().Moves(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(moves)
	}
	rows := [][]string{{"ADDRESS", "WAY", "HOST", "STATE", "SINCE", "PASSES", "SENT", "REMARK"}}
	for _, m := range moves {
		rows = append(rows, []string{
			m.Address, m.Direction, m.Peer, m.State, moment(m.Since), strconv.Itoa(m.Passes), screen.Bytes(m.Bytes),
			oneLine(cmp.Or(m.Failing, m.Waiting)),
		})
	}
	a.table(rows)
	return nil
}

func (a *app) move(ctx context.Context, address string, o moveOptions) error {
	wanted, err := schema.ParseAddress(address)
	if err != nil {
		return err
	}
	request := control.MoveRequest{Address: wanted.String(), Op: "release"}
	switch {
	case o.hold:
		request.Op = "hold"
	case o.stop:
		request.Op = "stop"
	case o.withoutMail:
		request.Op = "without-mail"
	case o.to != "":
		request.Op, request.To = "ahead", o.to
	case o.at != "":
		at, err := parseTime(o.at, time.Now())
		if err != nil {
			return usagef("--at %s: %v", o.at, err)
		}
		request.At = control.Moment{Time: at}
	}
	if err := a.daemon().Move(ctx, request); err != nil {
		return err
	}
	if o.watch {
		return a.watchMove(ctx, request.Address)
	}
	return nil
}

// parseTime reads a time of this host's clock: a day and time, or a time of the next 24 hours.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return at, nil
		}
	}
	clock, err := time.ParseInLocation("15:04", text, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("a time such as 2026-11-24T22:00 or 22:00 is wanted")
	}
	year, month, day := now.Date()
	at := time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	if at.Before(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, nil
}

// show brings to the reader what was printed so far. A failure stays with the buffer, and is told in the end.
func (a *app) show() {
	if buffered, ok := a.stdout.(*bufio.Writer); ok {
		_ = buffered.Flush()
	}
}

// watchMove prints a line for each step of a move until it is over, or only waits for the directory.
func (a *app) watchMove(ctx context.Context, address string) error {
	tick := time.NewTicker(watchPause / 4)
	defer tick.Stop()
	last := ""
	for {
		moves, err := a.daemon().Moves(ctx)
		if err != nil {
			return err
		}
		var now *control.Move
		for i := range moves {
			if moves[i].Address == address {
				now = &moves[i]
			}
		}
		if now == nil {
			a.printf("%s: over\n", address)
			return nil
		}
		line := fmt.Sprintf("%s: %s, %d passes, %s sent", address, now.State, now.Passes, screen.Bytes(now.Bytes))
		if remark := cmp.Or(now.Failing, now.Waiting); remark != "" {
			line += "; " + oneLine(remark)
		}
		if line != last {
			a.printf("%s\n", line)
			a.show()
		}
		if last = line; now.Ahead && now.Copied {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
