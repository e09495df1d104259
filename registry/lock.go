package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/mailreg/mailreg/registry/hook"
)

// ErrNested says that a program which a running transaction has started wants to change the registry itself: it would
// wait for ever.
var ErrNested = errors.New("refused: this was called by a commit that is still running")

// lock takes the one lock around read-modify-write and generation, and waits for it until ctx ends. It is the kernel's: a
// killed holder has let go.
func (r *Registry) lock(ctx context.Context) (unlock func(), err error) {
	path := r.path(lockFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if os.Getenv(hook.InCommit) != "" {
		// A server that a commit has restarted hands the variable down to programs that have nothing to do with it, so
		// the lock decides.
		if locked, err := l.TryLock(); err != nil || locked {
			return func() { _ = l.Close() }, err
		}
		return nil, ErrNested
	}
	switch _, err := l.TryLockContext(ctx, 5*time.Millisecond); {
	case err == nil:
		return func() { _ = l.Close() }, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("waiting for another commit to end: %w", err)
	default:
		return nil, fmt.Errorf("taking the lock of the registry: %w", err)
	}
}
