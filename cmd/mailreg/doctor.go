package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/doctor"
)

// newDoctorCommand reads only; what it finds is for a person to mend.
func newDoctorCommand(a *app) *cobra.Command {
	var quiet bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this host, and say what to do about it",
		Long: `doctor looks at settings, files, certificates, servers, disks and the daemon, and prints a line for each
check: ok, warning or problem, with what to do. It changes nothing. Exit codes: 0 no problem, 1 a problem.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), quiet) },
	}
	command.Flags().BoolVar(&quiet, "quiet", false, "leave out what is ok")
	jsonFlag(a, command)
	return command
}

func (a *app) doctor(ctx context.Context, quiet bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("the daemon took longer than %s", askLimit))
	defer cancel()
	findings := doctor.Examine(doctor.Gather(ctx, doctor.Host{Root: a.root, Registry: a.registry(), Daemon: a.daemon()}))
	shown := []doctor.Finding{}
	for _, f := range findings {
		if quiet && f.Level == doctor.OK {
			continue
		}
		if shown = append(shown, f); a.json {
			continue
		}
		a.printf("%-8s %s: %s\n", f.Level, f.Check, oneLine(f.Message))
		if f.Do != "" {
			a.printf("%9s-> %s\n", "", oneLine(f.Do))
		}
		for line := range strings.Lines(f.LDIF) {
			a.printf("%12s%s\n", "", oneLine(strings.TrimSuffix(line, "\n")))
		}
	}
	if a.json {
		if err := a.printJSON(shown); err != nil {
			return err
		}
	}
	if doctor.Worst(findings) == doctor.Problem {
		return exitError{code: exitFailed}
	}
	return nil
}
