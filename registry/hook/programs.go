package hook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ProgramDir is where the administrator's programs for commits lie, below the root.
const ProgramDir = "/etc/mailreg/commit.d"

// Programs are the administrator's programs that take part in the commits of a root.
type Programs struct {
	// Root is the root, an absolute path.
	Root string
	// Limit is how long one of them may take.
	Limit time.Duration
}

// programName is run-parts(8)'s rule: editors' copies and what dpkg sets aside are no programs.
var programName = sync.OnceValue(compile(`^[A-Za-z0-9_-]+$`))

// List returns the names of the programs in the order in which they are run. What is no program is passed over; for a
// program that others could have written, warnings say so.
func (p Programs) List() (names, warnings []string, err error) {
	dir := filepath.Join(p.Root, ProgramDir)
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 && err == nil {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := trusted(info); err != nil {
		return nil, []string{fmt.Sprintf("the programs of %s are left out: it %v", ProgramDir, err)}, nil
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !programName().MatchString(entry.Name()) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if err := trusted(info); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is left out: it %v", filepath.Join(ProgramDir, entry.Name()), err))
			continue
		}
		names = append(names, entry.Name())
	}
	return names, warnings, nil
}

// trusted reports why a file is not the administrator's alone.
func trusted(info fs.FileInfo) error {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d", sys.Uid)
	}
	if info.Mode()&0o022 != 0 {
		return fmt.Errorf("can be written by others (mode %#o)", info.Mode().Perm())
	}
	return nil
}

// Run runs a program with the stage, pre or post, as its argument and a line on its standard input. What it says is part
// of the error when its status is not 0, and lost otherwise.
func (p Programs) Run(ctx context.Context, name, stage string, input []byte) error {
	stdin, err := scratch()
	if err != nil {
		return err
	}
	defer stdin.Close()
	if _, err := stdin.WriteAt(append(slices.Clone(input), '\n'), 0); err != nil { // shells read lines
		return err
	}
	cmd := exec.Command(filepath.Join(p.Root, ProgramDir, name), stage)
	cmd.Dir, cmd.Stdin = "/", stdin
	lang := os.Getenv("LANG")
	if lang == "" {
		lang = "C.UTF-8"
	}
	cmd.Env = []string{"PATH=" + strings.Join(sbin, ":"), "MAILREG_ROOT=" + p.Root, "LANG=" + lang, InCommit + "=1"}
	r, err := execute(ctx, cmd, p.Limit)
	if err != nil {
		return fmt.Errorf("%w%s", err, said(r))
	}
	return nil
}
