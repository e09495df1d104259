package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd about a change of state (sd_notify(3)); without systemd it does nothing.
func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}

// feedWatchdog tells systemd's watchdog that the daemon lives, for as long as alive says so, until ctx ends.
func feedWatchdog(ctx context.Context, alive func(context.Context) error) error {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("reading the period of the watchdog: %w", err)
	}
	if period == 0 {
		return nil
	}
	ticker := time.NewTicker(period / 2)
	defer ticker.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, period/2)
		err := alive(within)
		cancel()
		if err == nil {
			if err := notify(daemon.SdNotifyWatchdog); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// newLogger returns the logger of the daemon. The journal has times of its own, so under systemd there are none.
func newLogger(w io.Writer, opts options) *slog.Logger {
	handler := &slog.HandlerOptions{}
	if opts.verbose {
		handler.Level = slog.LevelDebug
	}
	if os.Getenv("JOURNAL_STREAM") != "" {
		handler.ReplaceAttr = func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) == 0 && attr.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attr
		}
	}
	if opts.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, handler))
	}
	return slog.New(slog.NewTextHandler(w, handler))
}
