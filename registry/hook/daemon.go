package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is what servers have in common whose main process writes its number to a file.
type daemon struct {
	root, name, dir string
	// program is the server's, processes are the names under which the kernel may know it.
	program   string
	processes []string
	// units are its names in systemd, those of newer packages first.
	units []string
	// pidFile is the path below the root of the file with the number of the main process.
	pidFile string
	// slow is how long a start or reload may take where startTime is not enough.
	slow time.Duration
	// start is the command line below another root than "/", where systemd does not help.
	start []string

	old map[int]string // the processes of before the last act
}

// Name returns the name of the service in manifests.
func (d *daemon) Name() string { return d.name }

// Unit returns the unit that is installed, the usual one when none is.
func (d *daemon) Unit() string { return installedUnit(d.units) }

// Dir returns the directory that holds the config files.
func (d *daemon) Dir() string { return d.dir }

// Installed reports whether the server's program is there.
func (d *daemon) Installed() bool { return find(d.program) != "" }

// Map returns "": only Postfix and Dovecot have files that are made from others.
func (*daemon) Map(string, string) string { return "" }

// Build refuses: there is nothing to be made.
func (d *daemon) Build(_ context.Context, _, _, table string) ([]string, error) {
	return nil, fmt.Errorf("%s has no tables of type %s", d.name, table)
}

// below returns a path of this root as the system knows it.
func (d *daemon) below(path string) string { return filepath.Join(d.root, path) }

// Running reports whether the server runs for this root.
func (d *daemon) Running() bool { return d.process(context.Background()) > 0 }

// process returns the number of the main process, 0 when it does not run.
func (d *daemon) process(ctx context.Context) int {
	if d.root == "/" && systemd() {
		if pid := mainProcess(ctx, d.Unit()); pid > 0 {
			return pid
		}
	}
	pid := number(d.below(d.pidFile))
	if !d.alive(pid) {
		return 0
	}
	return pid
}

// alive reports whether a process is one of this server: its number may have gone to another program since.
func (d *daemon) alive(pid int) bool {
	return slices.Contains(d.processes, command(pid)) && !zombie(pid)
}

// zombie reports whether a process has ended and only waits for its parent to notice (proc(5), the state in stat).
func zombie(pid int) bool {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, rest, _ := strings.Cut(string(data), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}

// act reloads the server by a signal, or starts it after stopping the one that runs. Without a
// signal there are only restarts.
func (d *daemon) act(ctx context.Context, action string, reload syscall.Signal) error {
	if action == "reload" && reload == 0 {
		action = "restart"
	}
	pid := d.process(ctx)
	d.old = children(pid)
	if inCharge(ctx, d.root, d.Unit(), pid > 0) {
		return unitAction(ctx, action, d.Unit())
	}
	if action == "reload" {
		if pid == 0 {
			return errors.New("it does not run any more")
		}
		return syscall.Kill(pid, reload)
	}
	if err := d.stop(ctx, pid); err != nil {
		return err
	}
	_, err := run(ctx, d.start[0], d.start[1:]...)
	return err
}

// stop asks a process to end and waits until it has; 0 is none.
func (d *daemon) stop(ctx context.Context, pid int) error {
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if !await(ctx, endTime, func() bool { return !d.alive(pid) }) {
		return fmt.Errorf("%s does not end", d.name)
	}
	return nil
}

// endTime is how long a server may take to end: scanners finish what they are at.
const endTime = 30 * time.Second

// started waits until the main process runs: one that has just been started has not written its number yet.
func (d *daemon) started(ctx context.Context) error {
	if !await(ctx, max(startTime, d.slow), d.Running) {
		return errors.New("it does not run any more")
	}
	return nil
}

// renewed waits until the main process has a child of after the last act: the sign that it has taken its new settings, for
// with broken ones it goes on with the former processes.
func (d *daemon) renewed(ctx context.Context) error {
	if err := d.started(ctx); err != nil {
		return err
	}
	fresh := func() bool {
		for pid := range children(d.process(ctx)) {
			if _, was := d.old[pid]; !was {
				return true
			}
		}
		return false
	}
	if !await(ctx, max(startTime, d.slow), fresh) {
		return errors.New("it goes on with its former settings")
	}
	return awaitEnd(ctx, d.old, "", d.processes[0]) // meanwhile they may still take clients
}

// await waits until a condition holds, and reports whether it came to that in time.
func await(ctx context.Context, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// missing is the warning in the place of a check whose program is not there.
func missing(program, service string) []string {
	return []string{fmt.Sprintf("%s is not installed: the files of %s were not checked", program, service)}
}

// has reports whether a staged directory has a file.
func has(stage, name string) bool {
	_, err := os.Stat(filepath.Join(stage, name))
	return err == nil
}
