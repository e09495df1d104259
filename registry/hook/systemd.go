package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/dbus"
)

// systemd reports whether systemd runs this machine (sd_booted(3)).
func systemd() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// unitFolders are where systemd looks for units, the administrator's before the distribution's (systemd.unit(5)).
var unitFolders = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unitText returns the file of a unit, "" when it is not installed.
func unitText(unit string) string {
	for _, dir := range unitFolders {
		if data, err := os.ReadFile(filepath.Join(dir, unit)); err == nil {
			return string(data)
		}
	}
	return ""
}

// installedUnit returns the first of the units that is installed, the first of all when none is.
func installedUnit(units []string) string {
	for _, unit := range units {
		if unitText(unit) != "" {
			return unit
		}
	}
	return units[0]
}

// unitProperty asks systemd for a property of a unit, of the kind Unit or Service; nil when it does not tell.
func unitProperty(ctx context.Context, unit, kind, name string) any {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return nil
	}
	defer conn.Close()
	property, err := conn.GetUnitTypePropertyContext(ctx, unit, kind, name)
	if err != nil {
		return nil
	}
	return property.Value.Value()
}

// mainProcess returns the number of the main process of a unit, 0 when it has none.
func mainProcess(ctx context.Context, unit string) int {
	pid, _ := unitProperty(ctx, unit, "Service", "MainPID").(uint32)
	return int(pid)
}

// inCharge reports whether a unit is what acts on a server of this root: it runs it, or would start it. A server that
// somebody has started by hand is told by hand.
func inCharge(ctx context.Context, root, unit string, running bool) bool {
	if root != "/" || !systemd() {
		return false
	}
	return !running || unitProperty(ctx, unit, "Unit", "ActiveState") == "active"
}

// unitAction speaks D-Bus, for systemctl tells people, not programs, what has gone wrong. It reloads, restarts or starts a
// unit and waits for the end of the job.
func unitAction(ctx context.Context, action, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("connecting to systemd: %w", err)
	}
	defer conn.Close()
	act := conn.ReloadUnitContext
	if action != "reload" {
		act = conn.RestartUnitContext // starts one that does not run, too
	}
	done := make(chan string, 1)
	if _, err := act(ctx, unit, "replace", done); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("the job ended as %q; journalctl -u %s may say why", result, unit)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
