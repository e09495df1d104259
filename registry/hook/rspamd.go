package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Rspamd is the rspamd of a root: config below ROOT/etc/rspamd. Where that has no rspamd.conf, the distribution's is
// used, with local.d and override.d of the root.
type Rspamd struct{ daemon }

// NewRspamd returns the rspamd below root, an absolute path.
func NewRspamd(root string) *Rspamd {
	r := &Rspamd{daemon{
		root: root, name: "rspamd", dir: "/etc/rspamd", program: "rspamd", processes: []string{"rspamd"},
		units: []string{"rspamd.service"}, pidFile: "/run/rspamd/rspamd.pid",
		slow: time.Minute, // before it starts workers, it compiles what it has not compiled before
	}}
	r.start = append([]string{"rspamd", "-u", "_rspamd", "-g", "_rspamd", "-p", r.below(r.pidFile)}, r.arguments(r.below(r.dir), "-c")...)
	return r
}

// Version returns the release, such as "3.4".
func (*Rspamd) Version() string {
	r, err := run(context.Background(), "rspamd", "--version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(r.Stdout, "\n")
	return strings.TrimPrefix(line, "Rspamd daemon version ")
}

// arguments are those that make rspamd and rspamadm read the config in dir; words stand between the variables and the path
// of the file.
func (r *Rspamd) arguments(dir string, words ...string) []string {
	stock := dir
	if !has(dir, "rspamd.conf") {
		stock = r.dir
	}
	args := []string{"--var=CONFDIR=" + stock, "--var=LOCAL_CONFDIR=" + dir}
	if r.root != "/" {
		args = append(args, "--var=DBDIR="+r.below("/var/lib/rspamd"), "--var=RUNDIR="+r.below("/run/rspamd"),
			"--var=LOGDIR="+r.below("/var/log/rspamd"))
	}
	args = append(args, words...)
	return append(args, filepath.Join(stock, "rspamd.conf"))
}

// Check has rspamadm read the staged files.
func (r *Rspamd) Check(ctx context.Context, stage string) (warnings []string, err error) {
	if !has(stage, "rspamd.conf") && !has(r.dir, "rspamd.conf") {
		return []string{"there is no rspamd.conf: the files of rspamd were not checked"}, nil
	}
	if find("rspamadm") == "" {
		return missing("rspamadm", r.name), nil
	}
	if err := lookInsideAll(stage, r.below(r.dir)); err != nil {
		return nil, err
	}
	res, err := run(ctx, "rspamadm", r.arguments(stage, "configtest", "-c")...)
	if err == nil {
		return nil, nil // it talks of names that could not be resolved
	}
	var messages []string
	for line := range strings.Lines(res.Stderr) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "address resolution for") {
			messages = append(messages, strings.ReplaceAll(line, stage, r.dir))
		}
	}
	if len(messages) == 0 {
		return nil, err
	}
	return nil, errors.New(strings.Join(messages, "; "))
}

// Act reloads rspamd, or starts it after stopping the one that runs.
func (r *Rspamd) Act(ctx context.Context, action string) error {
	return r.act(ctx, action, syscall.SIGHUP)
}

// Verify waits for workers with the new settings and asks the first that speaks HTTP for a sign of life.
func (r *Rspamd) Verify(ctx context.Context) error {
	if err := r.renewed(ctx); err != nil {
		return err
	}
	dump, err := run(ctx, "rspamadm", append(r.arguments(r.below(r.dir), "configdump", "-c"), "-j", "worker")...)
	if err != nil {
		return err
	}
	address := rspamdAddress(dump.Stdout)
	if address == "" {
		return nil
	}
	if err := probe(ctx, address, questionDialogue("GET /ping HTTP/1.0\r\n", "HTTP/1.")); err != nil {
		return fmt.Errorf("rspamd at %s: %w", address, err)
	}
	return nil
}

// rspamdAddress finds a worker in what "rspamadm configdump -j worker" prints, one object per worker, and returns where
// it can be reached, "" when there is none.
func rspamdAddress(dump string) string {
	decoder := json.NewDecoder(strings.NewReader(dump))
	for {
		var worker map[string]struct {
			Socket any `json:"bind_socket"`
		}
		if decoder.Decode(&worker) != nil {
			return ""
		}
		for _, name := range []string{"controller", "normal"} {
			socket, _ := worker[name].Socket.(string) // several are a list
			if socket == "" || strings.HasPrefix(socket, "systemd:") {
				continue
			}
			if strings.HasPrefix(socket, "/") {
				return strings.Fields(socket)[0]
			}
			return reachable(socket, map[string]string{"controller": "11334", "normal": "11333"}[name])
		}
	}
}
