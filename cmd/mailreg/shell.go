package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/shell"
)

// forms are the flags that print variables in another form: for the shell, or without their values.
type forms struct{ shell, keysOnly bool }

// add declares the flags on a command that prints several variables.
func (f *forms) add(command *cobra.Command) {
	command.Flags().BoolVar(&f.shell, "shell", false, "print assignments for a POSIX shell")
	command.Flags().BoolVar(&f.keysOnly, "keys-only", false, "print keys without values")
	command.MarkFlagsMutuallyExclusive("json", "shell", "keys-only")
}

// newShellCommand differs from the peer in that a variable without a value is not printed as an empty one.
func newShellCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "shell [KEY ...]",
		Short: "Print variables as assignments that a POSIX shell can evaluate",
		Long: `shell prints NAME=VALUE for each variable that has a value, or for those whose whole key matches one of
the given regular expressions, secrets included. Values are quoted as single words. In names "_" stands
for whatever is no letter or digit; two variables of one name are a warning, and names that belong to
the shell, such as PATH, are left out. A KEY that nothing matches exits 1.`,
		Example: `  eval "$(mailreg shell hostname 'mail/dovecot/.*')"; echo "$mail_dovecot_limits"`,
		RunE:    func(_ *cobra.Command, args []string) error { return a.shell(args) },
	}
}

// shell prints what it finds before it complains about what it does not find.
func (a *app) shell(keys []string) error {
	terms := make([]*regexp.Regexp, len(keys))
	for i, key := range keys {
		var err error
		if terms[i], err = regexp.Compile(`\A(?:` + key + `)\z`); err != nil {
			return fmt.Errorf("reading the key: %w", err)
		}
	}
	view, err := a.view()
	if err != nil {
		return err
	}
	found := make([]bool, len(keys))
	w := shell.Writer{Warn: a.warnf}
	for _, pair := range view.Pairs() {
		wanted := len(keys) == 0
		for i, term := range terms {
			if term.MatchString(pair.Key) {
				wanted, found[i] = true, true
			}
		}
		if wanted {
			a.assign(&w, pair.Key, pair.Value)
		}
	}
	for i, key := range keys {
		if !found[i] {
			return fmt.Errorf("%s is not set", key)
		}
	}
	return nil
}

// assign prints one assignment, unless the variable is none for the shell.
func (a *app) assign(w *shell.Writer, key, value string) {
	if line, ok := w.Assignment(key, value); ok {
		a.printf("%s\n", line)
	}
}
