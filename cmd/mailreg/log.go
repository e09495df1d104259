package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
)

// newLogCommand prints the newest first, as git log does: what one looks for has just gone wrong.
func newLogCommand(a *app) *cobra.Command {
	var limit int
	command := &cobra.Command{
		Use:   "log [KEY ...]",
		Short: "Show what was changed, when and by whom",
		Long: `log prints the transactions that have changed variables, the newest first, with their numbers, times
(UTC), users and layers, and for each key the former and the new value. A KEY stands for itself and all
keys below it (KEY/...). Secrets are shown as such; the log does not know their values.`,
		Example: "  mailreg log --limit 3\n  mailreg log mail/postfix",
		RunE:    func(_ *cobra.Command, args []string) error { return a.log(args, limit) },
	}
	command.Flags().IntVar(&limit, "limit", 0, "show the last `N` transactions only (0 shows all)")
	jsonFlag(a, command)
	return command
}

// newUndoCommand has no --layer: what is undone says which one.
func newUndoCommand(a *app) *cobra.Command {
	var opts registry.UndoOptions
	command := &cobra.Command{
		Use:   "undo [ID]",
		Short: "Take a change of variables back",
		Long: `undo gives the variables of a transaction their former values, by a transaction of its own. Without
ID it takes the last one of a person; called again it goes back one step further, never forth. To take an
undo back, name its ID. It is refused when one of the variables has changed since, and when one is a
secret whose former value would be needed: nobody has kept it. Mail stores are not touched.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				id, err := strconv.ParseInt(args[0], 10, 64)
				if err != nil || id <= 0 {
					return usagef("%q is no ID of a transaction (mailreg log lists them)", args[0])
				}
				opts.ID = id
			}
			return a.report(a.registry().Undo(c.Context(), opts))
		},
	}
	command.Flags().BoolVar(&opts.DryRun, "dry-run", false, "print what would happen and change nothing")
	command.Flags().BoolVar(&opts.NoReload, "no-reload", false, "leave the services alone")
	jsonFlag(a, command)
	return command
}

// entryJSON is a transaction as log and status print it.
type entryJSON struct {
	ID       int64        `json:"id"`
	Time     time.Time    `json:"time"`
	UID      int          `json:"uid"`
	User     string       `json:"user"`
	PID      int          `json:"pid"`
	Layer    string       `json:"layer"`
	Internal bool         `json:"internal"`
	Undoes   int64        `json:"undoes,omitempty"`
	Failed   bool         `json:"failed,omitempty"`
	UndoneBy int64        `json:"undone_by,omitempty"`
	Changes  []changeJSON `json:"changes"`
}

// changeJSON has no old or new where the layer had no value.
type changeJSON struct {
	Key    string  `json:"key"`
	Old    *string `json:"old,omitempty"`
	New    *string `json:"new,omitempty"`
	Masked bool    `json:"masked,omitempty"`
	Made   bool    `json:"made,omitempty"`
}

// log passes over what it cannot read with a warning: the rest is as good as ever.
func (a *app) log(keys []string, limit int) error {
	all, shown := []entryJSON{}, 0
	for e, err := range a.registry().History() {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return err // nothing to pass over: there is no log for this user
		case err != nil:
			a.warnf("%s", oneLine(err.Error()))
			continue
		}
		entry := entryToJSON(e, keys)
		if len(entry.Changes) == 0 {
			continue
		}
		if shown++; a.json {
			all = append(all, entry)
		} else {
			a.printEntry(entry)
		}
		if shown == limit {
			break
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	return nil
}

// entryToJSON keeps the changes of the wanted keys, of all when none are named.
func entryToJSON(e registry.LogEntry, keys []string) entryJSON {
	out := entryJSON{
		ID: e.ID, Time: e.Time.UTC(), UID: e.UID, User: userName(e), PID: e.PID, Layer: e.Layer, Internal: e.Internal,
		Undoes: e.Undoes, Failed: e.Failed, UndoneBy: e.UndoneBy, Changes: []changeJSON{},
	}
	for _, c := range e.Changes {
		wanted := func(key string) bool {
			return c.Key == key || strings.HasPrefix(c.Key, strings.TrimSuffix(key, "/")+"/")
		}
		if len(keys) == 0 || slices.ContainsFunc(keys, wanted) {
			out.Changes = append(out.Changes, changeJSON(c))
		}
	}
	return out
}

// userName is the name of who made a change: the account may be gone by now.
func userName(e registry.LogEntry) string {
	if e.Internal {
		return "mailreg"
	}
	u, err := user.LookupId(strconv.Itoa(e.UID))
	if err != nil {
		return fmt.Sprintf("uid %d", e.UID)
	}
	return u.Username
}

// printEntry prints a line for the transaction and one for each key.
func (a *app) printEntry(e entryJSON) {
	note := ""
	switch {
	case e.Failed:
		note = fmt.Sprintf("  undoes %d, because a service did not work with it", e.Undoes)
	case e.Undoes != 0:
		note = fmt.Sprintf("  undoes %d", e.Undoes)
	}
	if e.UndoneBy != 0 {
		note += fmt.Sprintf("  undone by %d", e.UndoneBy)
	}
	a.printf("%d  %s  %s  %s%s\n", e.ID, moment(e.Time), e.User, e.Layer, note)
	for _, c := range e.Changes {
		a.printf("    %s: %s -> %s\n", oneLine(c.Key), c.shown(c.Old), c.shown(c.New))
	}
}

// shown is how one side of a change reads.
func (c changeJSON) shown(value *string) string {
	switch {
	case value == nil:
		return "<unset>"
	case c.Masked:
		return shownSecret
	case *value == "":
		return "<empty>"
	default:
		return oneLine(*value)
	}
}
