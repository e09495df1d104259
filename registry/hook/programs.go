package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/registry/hook/program"
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
	if err := program.Trusted(info); err != nil {
		return nil, []string{fmt.Sprintf("the programs of %s are left out: it %v", ProgramDir, err)}, nil
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !programName().MatchString(entry.Name()) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if err := program.Trusted(info); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is left out: it %v", filepath.Join(ProgramDir, entry.Name()), err))
			continue
		}
		names = append(names, entry.Name())
	}
	return names, warnings, nil
}

// Run runs a program with the stage, pre or post, as its argument and a line on its standard input. What it says is part
// of the error when its status is not 0, and lost otherwise.
func (p Programs) Run(ctx context.Context, name, stage string, input []byte) error {
	lang := cmp.Or(os.Getenv("LANG"), "C.UTF-8")
	r, err := program.Call{
		Path: filepath.Join(p.Root, ProgramDir, name), Args: []string{stage}, Dir: "/",
		Input: append(slices.Clone(input), '\n'), // shells read lines
		Env:   []string{"PATH=" + strings.Join(sbin, ":"), "MAILREG_ROOT=" + p.Root, "LANG=" + lang, InCommit + "=1"},
		Limit: p.Limit,
	}.Run(ctx)
	if err != nil {
		return fmt.Errorf("%w%s", err, r.Said())
	}
	return nil
}
