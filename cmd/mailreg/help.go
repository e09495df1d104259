package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mailreg/mailreg/cmd/mailreg/german"
)

// newCompletionCommand stands in the place of cobra's own, whose help is in English only.
func newCompletionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes command lines",
		Long: `completion prints the script for a shell. To load it in every session:

  bash  mailreg completion bash > /etc/bash_completion.d/mailreg
  zsh   mailreg completion zsh > "${fpath[1]}/_mailreg"
  fish  mailreg completion fish > ~/.config/fish/completions/mailreg.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			default:
				return root.GenFishCompletion(a.stdout, true)
			}
		},
	}
}

// speakGerman turns the help of all commands into German. It is called when help is printed and the locale asks for it.
func speakGerman(root *cobra.Command) {
	root.SetUsageTemplate(strings.NewReplacer(german.Usage()...).Replace(root.UsageTemplate()))
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Short, c.Long = german.Text(c.Short), german.Text(c.Long)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage = german.Text(f.Usage); f.Name == "help" {
				f.Usage = german.Help(c.Name())
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}
