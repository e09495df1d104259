package maildir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Config describes a spool.
type Config struct {
	// Root is the directory below which the default places lie; "/" when empty.
	Root string
	// Layout is ByUUID when empty.
	Layout backend.Layout
	// Home is the place of a home in layout address, with %d, %n, %u and their L forms; DefaultHome below Root when
	// empty. Layout uuid does not read it.
	Home string
	// UID and GID own the homes: account names or numbers; the caller's own when empty.
	UID, GID string
	// Reuse is QuarantineForeign when empty.
	Reuse backend.Reuse
	// Keep is how long the trash keeps a store; 0 removes it at once.
	Keep time.Duration
	// Patience is how long a call waits for the lock of the spool; a minute when 0.
	Patience time.Duration
	// Queue, when set, is where the callers of a process wait for each other, before they take the lock of the spool.
	Queue *Queue
	// Now is time.Now when nil.
	Now func() time.Time
	// Logger hears of what was quarantined, adopted and brought back; nil discards.
	Logger *slog.Logger
	// Skeleton, when set, tells what a new store holds beside its folders; home is where the mail server will find it. One that
	// is adopted, merged or brought back is left as it is.
	Skeleton func(home string) []File
	// Refuse, when set, is asked before a store is made or leaves its place; its error ends the call. What a person asks
	// for (Restore, Purge) passes.
	Refuse func() error
	// Index is the directory of the index files where they are not in the homes; "" where they are.
	Index string
	// Held, when set, reports whether a server delivers to an address at its own place. Sweep asks it before it takes what lies
	// there.
	Held func(ctx context.Context, a schema.Address) (bool, error)
	// Fault, when set, is asked before each change of the disk; its error ends the call there. For tests.
	Fault func(op, path string) error
}

// Spool is the stores of one host. Its methods may be called at the same time, from several processes.
type Spool struct {
	cfg   Config
	homes homes
	owner confine.Owner
}

// Open checks the configuration. It neither reads nor changes the spool.
func Open(cfg Config) (*Spool, error) {
	cfg.Root = cmp.Or(cfg.Root, "/")
	cfg.Layout = cmp.Or(cfg.Layout, backend.ByUUID)
	cfg.Reuse = cmp.Or(cfg.Reuse, backend.QuarantineForeign)
	cfg.Patience = cmp.Or(cfg.Patience, time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	home := filepath.Join(cfg.Root, DefaultHome)
	if cfg.Layout == backend.ByAddress {
		home = cmp.Or(cfg.Home, home)
	}
	places, err := parseHome(cfg.Layout, home)
	if err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg, homes: places}
	if s.owner.UID, err = accountID("mail/dovecot/location/uid", cfg.UID, lookupUser); err != nil {
		return nil, err
	}
	if s.owner.GID, err = accountID("mail/dovecot/location/gid", cfg.GID, lookupGroup); err != nil {
		return nil, err
	}
	return s, nil
}

// Layout returns the layout that the spool was opened with.
func (s *Spool) Layout() backend.Layout { return s.cfg.Layout }

// Check compares the layout that the configuration asks for with the one that the spool has; a difference is a
// *LayoutError.
func (s *Spool) Check() error {
	base, err := s.openBase()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer base.Close()
	_, err = checkLayout(base, s.homes)
	return err
}

func accountID(variable, name string, lookup func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	number := name
	if _, err := strconv.ParseUint(name, 10, 31); err != nil {
		if number, err = lookup(name); err != nil {
			return 0, fmt.Errorf("%s: account %q does not exist on this host", variable, name)
		}
	}
	return strconv.Atoi(number)
}

func lookupUser(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func lookupGroup(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

func (s *Spool) openBase() (*confine.Dir, error) {
	base, err := confine.Open(s.homes.base, s.cfg.Fault)
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	return base, nil
}

// work is one change of the spool, under its lock.
type work struct {
	*Spool
	base *confine.Dir
	// lock gives the lock up; nil without it.
	lock   func()
	record record
	// unmade is a store that the change needs; made is the same when it may be put to its place.
	unmade, made *creation
}

// begin takes the lock of the spool and checks the layout. The caller must end the work.
func (s *Spool) begin(ctx context.Context) (*work, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := makeBase(s.homes.base); err != nil {
		return nil, down(fmt.Errorf("making the spool: %w", err))
	}
	base, err := s.openBase()
	if err != nil {
		return nil, err
	}
	w := &work{Spool: s, base: base}
	if err := w.relock(ctx); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// relock takes the lock, anew after unlock: nothing that was looked at before counts any more.
func (w *work) relock(ctx context.Context) (err error) {
	if w.lock, err = w.acquire(ctx, w.base); err != nil {
		return err
	}
	if w.record, err = checkLayout(w.base, w.homes); err != nil {
		return err
	}
	return w.record.converting()
}

// makeBase makes the directory of the spool where no package has made it; the mail server must get through it.
func makeBase(name string) error {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return os.Chmod(name, 0o755) // whatever the umask
}

// failed names the store in an error.
func failed(uuid schema.UUID, err error) error {
	if err == nil {
		return nil
	}
	return down(fmt.Errorf("store of %s: %w", uuid, err))
}

// down makes a target that is down of an error that every other store would meet as well: then nothing is given up.
func down(err error) error {
	for _, sick := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.ESTALE} {
		if errors.Is(err, sick) {
			return &schema.TargetDown{Target: "spool", Err: err}
		}
	}
	return err
}

// beginChange is begin for what the directory asks for.
func (s *Spool) beginChange(ctx context.Context) (*work, error) {
	if s.cfg.Refuse != nil {
		if err := s.cfg.Refuse(); err != nil {
			return nil, err
		}
	}
	return s.begin(ctx)
}

func (w *work) end() {
	w.unlock()
	w.base.Close()
}

func (w *work) unlock() {
	if w.lock != nil {
		w.lock()
	}
	w.lock = nil
}

// parent opens the directory of a place and returns the place's name in it.
func (w *work) parent(rel string) (*confine.Dir, string, error) {
	d, err := w.base.Walk(path.Dir(rel))
	return d, path.Base(rel), err
}

// makeParent is parent, with the directories made that are missing: the mail user's in the fixed part, where Dovecot
// makes homes as well, and ours elsewhere.
func (w *work) makeParent(rel string) (*confine.Dir, string, error) {
	at, err := w.base.Walk(".")
	if err != nil {
		return nil, "", err
	}
	made := ""
	for name := range strings.SplitSeq(path.Dir(rel), "/") {
		made = path.Join(made, name)
		next, err := at.Sub(name)
		if absent(err) {
			next, err = w.makeIn(at, name, made)
		}
		at.Close()
		if err != nil {
			return nil, "", err
		}
		at = next
	}
	return at, path.Base(rel), nil
}

// makeIn makes the directory of a place, which is on the disk before a store can be in it.
func (w *work) makeIn(parent *confine.Dir, name, rel string) (*confine.Dir, error) {
	perm, owner := w.permission(rel)
	made, err := parent.Make(name, perm, owner)
	if err != nil {
		return nil, err
	}
	if err := parent.Sync(); err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}

func (w *work) permission(rel string) (uint32, confine.Owner) {
	below, inside := strings.CutPrefix(rel, w.homes.private)
	switch {
	case !inside:
		return 0o700, confine.Caller()
	case below == "/by-address", below == "/.mailreg-owners", below == "" && w.cfg.Layout == backend.ByUUID:
		return 0o755, confine.Caller()
	default:
		return 0o700, w.owner
	}
}

// move renames a store and brings both directories to the disk.
func (w *work) move(from, to string) error {
	source, fromName, err := w.parent(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, toName, err := w.makeParent(to)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := source.Move(fromName, target, toName); err != nil {
		return err
	}
	w.moveIndex(from, to)
	return cmp.Or(target.Sync(), source.Sync())
}

// absent reports whether an error says that a place or a directory above it does not exist.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// home is what a look at a place found.
type home struct {
	rel    string
	found  bool
	marked bool
	mark   mark
}

// look reads the owner mark of a place. Something else than a directory there is invalid data.
func (w *work) look(rel string) (home, error) {
	h := home{rel: rel}
	d, err := w.base.Walk(rel)
	if absent(err) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	defer d.Close()
	h.found = true
	h.mark, h.marked, err = readMark(d)
	return h, err
}

func (h home) belongs(uuid schema.UUID) bool { return h.marked && h.mark.UUID == uuid }
