package external

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/hook/program"
	"github.com/mailreg/mailreg/schema"
)

// compile returns the function that makes a regular expression when it is first needed.
func compile(text string) func() *regexp.Regexp {
	return func() *regexp.Regexp { return regexp.MustCompile(text) }
}

// The statuses by which a program says what is to become of a change (sysexits.h).
const (
	statusData = 65 // EX_DATAERR
	statusTemp = 75 // EX_TEMPFAIL
)

// Config is what a handler works with.
type Config struct {
	// File says what to run on what.
	File File
	// Root is told to the program, as MAILREG_ROOT.
	Root string
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler runs one program.
type Handler struct{ cfg Config }

// New returns the handler of a file.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg: cfg}
}

// Name returns the name of the file.
func (h *Handler) Name() string { return h.cfg.File.Name }

// Match reports whether the file's filter selects an entry.
func (h *Handler) Match(e *schema.Entry) bool { return h.cfg.File.Filter.Match(e) }

// Version changes with what the program is to see: then it is called for all entries again.
func (h *Handler) Version() string {
	names := slices.Sorted(slices.Values(h.cfg.File.Attributes))
	return h.cfg.File.Text + " " + strings.ToLower(strings.Join(names, " "))
}

// Calls returns how many runs there may be at once.
func (h *Handler) Calls() int { return h.cfg.File.Parallel }

// Limit is longer than a run may take, so that what is said of a slow one comes from here.
func (h *Handler) Limit() time.Duration { return h.cfg.File.Timeout + time.Minute }

// Takes reports whether the entry goes away: nobody but the program knows what that destroys.
func (h *Handler) Takes(c schema.Change) bool {
	return h.cfg.File.Guard && c.Old != nil && c.New == nil
}

// Differs reports whether the program would see a difference.
func (h *Handler) Differs(c schema.Change) bool {
	return !shown(c.Old, h.cfg.File).equal(shown(c.New, h.cfg.File))
}

// Apply runs the program.
func (h *Handler) Apply(ctx context.Context, c schema.Change) error {
	input, err := message(c, h.cfg.File)
	if err != nil {
		return err
	}
	call, err := h.call(input)
	if err != nil {
		return &schema.TargetDown{Target: h.cfg.File.Command[0], Err: err}
	}
	r, err := call.Run(ctx)
	status, ended := program.Status(err)
	switch {
	case err == nil:
		h.cfg.Logger.Debug("ran", "op", "external", "handler", h.Name(), "dn", c.DN(), "uuid", c.UUID.String())
		return nil
	case ended && status == statusData:
		return schema.Invalidf("%s: %v%s", call.Path, err, r.Said())
	case ended && status == statusTemp:
		return fmt.Errorf("%w: %s: %v%s", schema.ErrTemporary, call.Path, err, r.Said())
	case !ended && os.IsNotExist(err), !ended && os.IsPermission(err):
		return &schema.TargetDown{Target: call.Path, Err: err}
	default:
		return fmt.Errorf("%s: %w%s", call.Path, err, r.Said())
	}
}

// call prepares a run. The program is looked at each time: it may have been replaced.
func (h *Handler) call(input []byte) (program.Call, error) {
	f := h.cfg.File
	info, err := os.Stat(f.Command[0])
	if err != nil {
		return program.Call{}, err
	}
	if err := program.Trusted(info); err != nil {
		return program.Call{}, fmt.Errorf("it %w", err)
	}
	account, err := lookup(f.User)
	if err != nil {
		return program.Call{}, err
	}
	return program.Call{
		Path: f.Command[0], Args: f.Command[1:], Dir: "/", Input: append(input, '\n'), Limit: f.Timeout, User: account,
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
			"MAILREG_ROOT=" + filepath.Clean(h.cfg.Root), "MAILREG_HANDLER=" + f.Name,
		},
	}, nil
}

// lookup returns an account, nil when it is our own. Without root's rights there is no other.
func lookup(name string) (*program.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil // who we are
	}
	account, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("finding the account to run as: %w", err)
	}
	groups, err := account.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("finding the groups of %s: %w", name, err)
	}
	var u program.User
	if u.UID, err = number(account.Uid); err != nil {
		return nil, err
	}
	if u.GID, err = number(account.Gid); err != nil {
		return nil, err
	}
	for _, group := range groups {
		gid, err := number(group)
		if err != nil {
			return nil, err
		}
		u.Groups = append(u.Groups, gid)
	}
	return &u, nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}
