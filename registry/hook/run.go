package hook

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/hook/program"
)

// InCommit is the environment variable that tells programs that a commit has started them.
const InCommit = "MAILREG_IN_COMMIT"

// patience is how long one program may take.
const patience = time.Minute

// sbin are the folders that users' search paths leave out.
var sbin = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// find returns the path of a program, "" when it is not installed.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// run runs a program to its end; a status other than 0 is an error that quotes what it has said.
func run(ctx context.Context, name string, args ...string) (program.Result, error) {
	path := find(name)
	if path == "" {
		return program.Result{}, fmt.Errorf("%s is not installed", name)
	}
	r, err := program.Call{
		Path: path, Name: name, // Postfix's programs begin their messages with it
		Args: args, Limit: patience,
		// Messages are compared and quoted, so they are wanted in one language.
		Env: append(os.Environ(), "LC_ALL=C", InCommit+"=1", "PATH="+strings.Join(append(sbin, os.Getenv("PATH")), ":")),
	}.Run(ctx)
	if err != nil {
		err = fmt.Errorf("%s: %w%s", name, err, r.Said())
	}
	return r, err
}
