package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mailreg/mailreg/cmd/mailreg/complete"
	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/registry"
)

// completionTime bounds what a completion asks: nobody waits for a tab key.
const completionTime = 2 * time.Second

// proposals returns what may stand at the place of a word of which the beginning was typed. Whatever goes wrong, there is
// nothing to propose.
type proposals func(ctx context.Context, typed string) []string

// addCompletions tells the shells what may follow each command and flag, in one place.
func addCompletions(a *app, root *cobra.Command) {
	keys := a.fromSettings(func(s complete.Settings, _ string) []string { return s.Known() })
	assign := a.fromSettings(func(s complete.Settings, typed string) []string { return s.Assign(typed) })
	words := map[string]proposals{
		"get": keys, "info": keys, "search": keys, "log": keys, "shell": keys, "set": assign,
		"commit": a.proposeOutputs, "diff": a.proposeOutputs, "undo": a.proposeTransactions,
		"register": a.proposeModules, "unregister": a.proposeModules,
		"listener retry": a.proposeParked, "listener drop": a.proposeParked,
		"listener approve": a.proposeHeld, "listener reject": a.proposeHeld, "listener resync": a.proposeHandlers, "listener diff": a.proposeHandlers,
		"listener pause": a.proposeHandlers, "listener resume": a.proposeHandlers, "listener forget": a.proposeAbsent,
		"mailbox move": a.proposeMoves, "mailbox drain": nothing,
		"mailbox show": a.proposeStores, "explain": a.proposeStores, "auth flush": a.proposeStores, "fetchmail run": a.proposeFetched,
		"mailbox trash restore": a.proposeKept, "mailbox trash purge": a.proposeKept,
	}
	several := map[string]bool{"info": true, "search": true, "log": true, "shell": true, "set": true, "commit": true, "diff": true, "auth flush": true, "fetchmail run": true, "mailbox trash purge": true}
	var visit func(*cobra.Command)
	visit = func(command *cobra.Command) {
		name := strings.TrimPrefix(command.CommandPath(), root.Name()+" ")
		a.completeFlags(command)
		command.LocalFlags().VisitAll(func(f *pflag.Flag) {
			f.Usage = strings.ReplaceAll(f.Usage, "`", "") // the help takes the name of the argument from between them
		})
		switch propose := words[name]; {
		case propose != nil:
			command.ValidArgsFunction = a.completion(propose, several[name])
		case name == "unset":
			command.ValidArgsFunction = a.completeUnset
		case command.ValidArgsFunction == nil && !command.HasSubCommands() && !strings.Contains(command.Use, "FILE"):
			command.ValidArgsFunction = cobra.NoFileCompletions
		}
		for _, sub := range command.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// nothing is proposed where only the directory knows what may follow; files never may.
func nothing(context.Context, string) []string { return nil }

// completeFlags knows the flags by their names: they mean the same everywhere.
func (a *app) completeFlags(command *cobra.Command) {
	categories := a.fromSettings(func(s complete.Settings, _ string) []string { return s.Categories() })
	for name, propose := range map[string]proposals{
		"layer":    func(context.Context, string) []string { return complete.Layers() },
		"category": categories,
		"layout":   func(context.Context, string) []string { return []string{"uuid", "address"} },
		"address":  a.proposeStores, "as": a.proposeStores,
		"dn": nothing, "below": nothing, "uuid": nothing, "timeout": nothing, "at": nothing, "to": nothing,
	} {
		if command.Flags().Lookup(name) != nil {
			_ = command.RegisterFlagCompletionFunc(name, a.completion(propose, true)) // fails only for an unknown flag
		}
	}
}

// completion makes what cobra wants. It takes the root as a command that runs does, which a completion is not. Words that
// are not over, such as "KEY=", get no blank behind them.
func (a *app) completion(propose proposals, several bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		root, _ := c.Flags().GetString("root") // every command has it
		if err := a.setRoot(root); err != nil || len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTime)
		defer cancel()
		var fitting []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, p := range propose(ctx, typed) {
			if !strings.HasPrefix(p, typed) {
				continue
			}
			fitting = append(fitting, p)
			if word, _, _ := strings.Cut(p, "\t"); strings.HasSuffix(word, "=") || strings.HasSuffix(word, "/") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return fitting, directive
	}
}

// completeUnset proposes the keys of the layer that the flags name.
func (a *app) completeUnset(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	layer := registry.Normal
	for flag, l := range map[string]registry.Layer{"force": registry.Forced, "forced": registry.Forced, "schedule": registry.Schedule, "ldap-policy": registry.LDAP} {
		if set, _ := c.Flags().GetBool(flag); set { // unset has all of them
			layer = l
		}
	}
	if name, _ := c.Flags().GetString("layer"); c.Flags().Changed("layer") {
		layer, _ = registry.ParseLayer(name) // an unknown one is Default: all layers
	}
	propose := a.fromSettings(func(s complete.Settings, _ string) []string { return s.Set(layer) })
	return a.completion(propose, true)(c, args, typed)
}

// fromSettings proposes from the settings as they are, or as they last were.
func (a *app) fromSettings(propose func(s complete.Settings, typed string) []string) proposals {
	return func(_ context.Context, typed string) []string {
		view, _ := a.view()
		if view == nil {
			return nil
		}
		return propose(complete.Settings{View: view, German: a.german()}, typed)
	}
}

func (a *app) proposeOutputs(context.Context, string) []string {
	files, _ := a.registry().Outputs() // none without templates that can be read
	return files
}

func (a *app) proposeModules(context.Context, string) []string { return a.registry().Modules() }

// proposeTransactions proposes the last ones, each with what it did.
func (a *app) proposeTransactions(context.Context, string) []string {
	const most = 20
	var all []string
	for e, err := range a.registry().History() {
		if err != nil || len(all) == most {
			break
		}
		if e.UndoneBy != 0 {
			continue
		}
		text := moment(e.Time) + " " + userName(e) + ": " + e.Changes[0].Key
		if more := len(e.Changes) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, strconv.FormatInt(e.ID, 10)+"\t"+text)
	}
	return all
}

func (a *app) proposeParked(ctx context.Context, _ string) []string {
	parked, _ := a.daemon().Parked(ctx) // none without a daemon
	var all []string
	for _, p := range parked {
		all = append(all, p.ID+"\t"+oneLine(p.DN))
	}
	return all
}

func (a *app) proposeHeld(ctx context.Context, _ string) []string {
	held, _ := a.daemon().Held(ctx) // none without a daemon
	var all []string
	for _, h := range held {
		all = append(all, h.ID+"\t"+oneLine(h.Reason))
	}
	return all
}

func (a *app) proposeHandlers(ctx context.Context, _ string) []string {
	status, _ := a.daemon().Status(ctx) // none without a daemon
	var all []string
	for _, h := range status.Handlers {
		all = append(all, h.Name)
	}
	return all
}

// proposeAbsent proposes the handlers that can be forgotten.
func (a *app) proposeAbsent(ctx context.Context, _ string) []string {
	status, _ := a.daemon().Status(ctx) // none without a daemon
	return status.Absent
}

// proposeStores proposes the addresses of the stores in place: those of Cyrus the daemon knows alone.
func (a *app) proposeStores(ctx context.Context, typed string) []string {
	stores, err := a.stores()
	if err != nil {
		return nil
	}
	var all []string
	for store, err := range stores.Stores(ctx) {
		if err != nil {
			break
		}
		if strings.HasPrefix(store.Address, typed) {
			all = append(all, store.Address)
		}
	}
	return all
}

// proposeMoves proposes those who are on their way, and those who could be.
func (a *app) proposeMoves(ctx context.Context, typed string) []string {
	moves, _ := a.daemon().Moves(ctx) // none without a daemon
	all := a.proposeStores(ctx, typed)
	for _, m := range moves {
		all = append(all, m.Address)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *app) proposeKept(ctx context.Context, _ string) []string {
	stores, err := a.stores()
	if err != nil {
		return nil
	}
	kept, _ := stores.Kept(ctx) // none of a spool that cannot be read
	var all []string
	for _, s := range kept {
		all = append(all, s.ID+"\t"+stateShown(s.State, string(s.Cause))+" "+oneLine(s.Address))
	}
	return all
}

// proposeFetched proposes the addresses for which mail is fetched.
func (a *app) proposeFetched(_ context.Context, typed string) []string {
	boxes, err := a.fetchmailBoxes(fetchmail.Open(a.root), nil)
	if err != nil {
		return nil
	}
	var all []string
	for _, box := range boxes {
		if address := box.Address.String(); strings.HasPrefix(address, typed) {
			all = append(all, address)
		}
	}
	return all
}
