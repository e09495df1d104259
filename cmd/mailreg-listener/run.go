package main

import (
	"context"
	"log/slog"

	"github.com/mailreg/mailreg/registry"
)

// run is the daemon from its start to its end.
func run(ctx context.Context, opts options, logger *slog.Logger) error {
	reg := registry.Open(opts.root)
	view, err := reg.View()
	if err != nil {
		return settingsError{err}
	}
	set, err := readSettings(view)
	if err != nil {
		return err
	}
	logger.Info("starting", "host", set.host)
	<-ctx.Done()
	return nil
}
