package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// drainOptions are the flags of mailbox drain.
type drainOptions struct {
	atOnce, perHour int
	dryRun          bool
}

func newDrainCommand(a *app) *cobra.Command {
	o := drainOptions{}
	command := &cobra.Command{
		Use:   "drain HOST",
		Short: "Move everybody whose mail home server is this host to another one",
		Long: `drain copies the mail of each user to HOST while this host goes on serving it, and prints a change of the
directory (LDIF) as soon as a copy is complete: once it is applied, the user changes over within seconds. So
"mailreg mailbox drain mail2.example.org | ldapmodify ..." empties this host, at most --at-once users at a time and
--per-hour in an hour. It ends when nobody is left. Broken off and called again it goes on; users without a mail home
server are at home on every host and stay.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.drain(c.Context(), strings.ToLower(args[0]), o) },
	}
	command.Flags().IntVar(&o.atOnce, "at-once", 4, "let `N` users be on their way at a time")
	command.Flags().IntVar(&o.perHour, "per-hour", 0, "let `N` users change over in an hour (0 is as many as can)")
	command.Flags().BoolVar(&o.dryRun, "dry-run", false, "only list who would move")
	jsonFlag(a, command)
	return command
}

// draining is one run of drain.
type draining struct {
	*app
	o    drainOptions
	host string
	// attribute is what the directory calls the home server.
	attribute string
	// waiting are the users who have not begun, by address; told are those whose change was printed.
	waiting []control.Entry
	told    map[string]bool
	next    time.Time
}

func (a *app) drain(ctx context.Context, host string, o drainOptions) error {
	if err := schema.CheckDomain(host); err != nil {
		return err
	}
	if o.atOnce < 1 || o.perHour < 0 {
		return usagef("--at-once takes 1 or more, --per-hour 0 or more")
	}
	view, err := a.view()
	if err != nil {
		return err
	}
	own, err := view.FQDN()
	if err != nil {
		return err
	}
	if own == host {
		return fmt.Errorf("%s is this host", host)
	}
	profile, err := view.Profile()
	if err != nil {
		return err
	}
	d := &draining{app: a, o: o, host: host, attribute: profile.Attribute(schema.AttrHomeServer), told: map[string]bool{}}
	if d.waiting, err = a.atHome(ctx, own); err != nil {
		return err
	}
	if o.dryRun {
		return d.list()
	}
	return d.run(ctx)
}

// atHome returns the users whose home server is named as this host.
func (a *app) atHome(ctx context.Context, host string) ([]control.Entry, error) {
	entries, err := a.daemon().Entries(ctx, control.Selection{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(entry control.Entry) bool {
		e := entry.Schema()
		m, err := schema.ParseMailbox(e)
		return err != nil || !schema.IsMailbox(e) || m.HomeServer != host
	}), nil
}

func (d *draining) list() error {
	var addresses []string
	for _, entry := range d.waiting {
		addresses = append(addresses, strings.ToLower(entry.Schema().First(schema.AttrPrimaryAddress)))
	}
	slices.Sort(addresses)
	if d.json {
		return d.printJSON(addresses)
	}
	for _, address := range addresses {
		d.printf("%s\n", oneLine(address))
	}
	return nil
}

// run goes on until nobody is left who has not changed over.
func (d *draining) run(ctx context.Context) error {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		if over, err := d.look(ctx); err != nil || over {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// look tells who can change over, and begins with others. It is over when nobody is on the way, and nobody had to begin.
func (d *draining) look(ctx context.Context) (over bool, err error) {
	moves, err := d.daemon().Moves(ctx)
	if err != nil {
		return false, err
	}
	moves = slices.DeleteFunc(moves, func(m control.Move) bool {
		return m.Direction != "out" || m.Peer != d.host || m.State == "committed"
	})
	if len(moves) == 0 && len(d.waiting) == 0 {
		return true, nil
	}
	for _, m := range moves {
		if m.Ahead && m.Copied && !d.told[m.Address] && !time.Now().Before(d.next) {
			d.tell(m)
		}
	}
	return false, d.begin(ctx, len(moves))
}

// begin starts copies for as many as may be on their way. Who cannot be moved is told, and passed over.
func (d *draining) begin(ctx context.Context, moving int) error {
	for ; moving < d.o.atOnce && len(d.waiting) > 0; moving++ {
		address := strings.ToLower(d.waiting[0].Schema().First(schema.AttrPrimaryAddress))
		d.waiting = d.waiting[1:]
		err := d.daemon().Move(ctx, control.MoveRequest{Address: address, Op: "ahead", To: d.host})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			d.warnf("%s does not move: %s", oneLine(address), oneLine(err.Error()))
		}
	}
	return nil
}

// tell prints the change of the directory by which a user changes over (RFC 2849).
func (d *draining) tell(m control.Move) {
	d.told[m.Address] = true
	if d.o.perHour > 0 {
		d.next = time.Now().Add(time.Hour / time.Duration(d.o.perHour))
	}
	defer d.show()
	if d.json {
		_ = d.printJSON(m) // a failure is told in the end
		return
	}
	d.printf("%s\nchangetype: modify\nreplace: %s\n%s: %s\n\n", ldifLine("dn", m.DN), d.attribute, d.attribute, d.host)
}

// ldifLine prints a name and a value; one that is not plain text in base64.
func ldifLine(name, value string) string {
	plain := value != "" && !strings.HasPrefix(value, " ") && !strings.HasPrefix(value, ":") && !strings.HasPrefix(value, "<") &&
		!strings.HasSuffix(value, " ") && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	if plain {
		return name + ": " + value
	}
	return name + ":: " + base64.StdEncoding.EncodeToString([]byte(value))
}
