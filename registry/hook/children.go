package hook

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// number returns the number that a process has written to a file, 0 when there is none.
func number(file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

// children returns the processes of a master by number with their names; none when the kernel does not tell (proc(5),
// CONFIG_PROC_CHILDREN).
func children(master int) map[int]string {
	id := strconv.Itoa(master)
	list, err := os.ReadFile(filepath.Join("/proc", id, "task", id, "children"))
	if err != nil {
		return nil
	}
	all := map[int]string{}
	for field := range strings.FieldsSeq(string(list)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all[pid] = command(pid)
		}
	}
	return all
}

// command returns the name of a running program, "" when there is no process of that number.
func command(pid int) string {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// busyTime is how long awaitEnd waits for processes that may have a client; they take no new one.
const busyTime = time.Second

// awaitEnd waits after a reload until former processes have ended: the one named sure, which ends in any case, and those
// named busy, which may first serve their clients. A reload only asks the master for it: for a moment the former
// processes still take clients, and whoever probes them learns nothing about the new settings.
func awaitEnd(ctx context.Context, old map[int]string, sure, busy string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for start := time.Now(); ; {
		left := map[string]bool{}
		for pid, name := range old {
			if command(pid) == name {
				left[name] = true
			}
		}
		if !left[sure] && (!left[busy] || time.Since(start) > busyTime) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("it goes on with its former settings")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
