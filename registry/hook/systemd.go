package hook

import (
	"context"
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/dbus"
)

// systemd reports whether systemd runs this machine (sd_booted(3)).
func systemd() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// unitAction speaks D-Bus, for systemctl tells people, not programs, what has gone wrong. It reloads, restarts or starts the
// first of the units that is active, the last one in any case, and waits for the end
// of the job. Debian 12's postfix.service only groups instances; postfix@-.service is the one that runs.
func unitAction(ctx context.Context, action string, units ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("connecting to systemd: %w", err)
	}
	defer conn.Close()
	unit := units[len(units)-1]
	for _, one := range units {
		state, err := conn.GetUnitPropertyContext(ctx, one, "ActiveState")
		if err == nil && state.Value.Value() == "active" {
			unit = one
			break
		}
	}
	act := conn.ReloadUnitContext
	if action != "reload" {
		act = conn.RestartUnitContext // starts one that does not run, too
	}
	done := make(chan string, 1)
	if _, err := act(ctx, unit, "replace", done); err != nil {
		return fmt.Errorf("%s of %s: %w", action, unit, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("%s of %s: the job ended as %q", action, unit, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s of %s: %w", action, unit, ctx.Err())
	}
}
