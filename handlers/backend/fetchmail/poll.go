package fetchmail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/registry/hook/program"
	"github.com/mailreg/mailreg/schema"
)

// Bounds of one poll. Fetchmail itself gives a server up that is silent for five minutes.
const (
	longest = 6 * time.Hour
	grace   = 20 * time.Second
)

// account is who fetchmail runs as.
const account = "fetchmail"

// ErrMissing says that fetchmail is not installed.
var ErrMissing = errors.New("fetchmail is not installed")

// Installed reports whether there is a fetchmail.
func Installed() bool { return find() != "" }

func find() string {
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/local/bin"} {
		if path, err := exec.LookPath(dir + "/fetchmail"); err == nil {
			return path
		}
	}
	return ""
}

// Poll fetches all mail of a user, one mailbox after the other, and keeps how that ended. A mailbox that cannot be fetched
// is no error, but part of the result. While another poll of the user runs, nothing is done and busy is true.
func (s Spool) Poll(ctx context.Context, uuid schema.UUID, d Delivery) (r Result, busy bool, err error) {
	b, found, err := s.Read(uuid)
	if err != nil || !found {
		return Result{}, false, err
	}
	path := find()
	if path == "" {
		return Result{}, false, ErrMissing
	}
	who, err := lookup()
	if err != nil {
		return Result{}, false, err
	}
	home, err := s.home(uuid, who)
	if err != nil {
		return Result{}, false, fmt.Errorf("making the folder of fetchmail: %w", err)
	}
	defer home.Close() // and with it the lock
	err = unix.Flock(int(home.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return Result{}, true, nil
	}
	if err != nil {
		return Result{}, false, err
	}
	r.Time = time.Now().UTC().Truncate(time.Second)
	for _, a := range b.Accounts {
		reason, err := poll(ctx, a, program.Call{
			Path: path, Args: []string{
				"--fetchmailrc", "-", "--nodetach", "--daemon", "0", "--pidfile", home.Name() + "/pid", "--idfile", home.Name() + "/ids",
			},
			Env:   []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + home.Name(), "FETCHMAILHOME=" + home.Name()},
			Dir:   "/",
			Input: []byte(rc(b.Address, a, d)), Limit: longest, Grace: grace, User: who,
		})
		if err != nil {
			return r, false, err
		}
		if reason != "" {
			r.Failed = append(r.Failed, a.String()+": "+reason)
		}
	}
	if _, still, err := s.Read(uuid); err != nil || !still {
		return r, false, err
	}
	return r, false, s.note(uuid, r)
}

// home makes the folder in which fetchmail runs for a user, and opens it.
func (s Spool) home(uuid schema.UUID, who *program.User) (*os.File, error) {
	path := s.path(uuid, "")
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return nil, err
	}
	if who != nil {
		if err := os.Lchown(path, int(who.UID), int(who.GID)); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// The exit codes of fetchmail that are worth words of ours (fetchmail(1), "EXIT CODES"). The first is no failure.
const (
	nothing  = 1
	noServer = 2
	refused  = 3
)

// poll fetches one mailbox and returns why it failed, "" when it did not.
func poll(ctx context.Context, a Account, call program.Call) (reason string, err error) {
	result, err := call.Run(ctx)
	status, ended := program.Status(err)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil, ended && status == nothing:
		return "", nil
	case !ended:
		return fmt.Sprint(err), nil
	case status == noServer:
		reason = "the server does not answer"
	case status == refused:
		reason = "the server does not take user and password"
	default:
		reason = fmt.Sprintf("fetchmail ended with status %d", status)
	}
	said := result.Said()
	if a.Password != "" {
		said = strings.ReplaceAll(said, a.Password, "***")
	}
	return reason + said, nil
}

// lookup returns the account of Debian's package, nil when we are not root and can be nobody else.
func lookup() (*program.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	entry, err := user.Lookup(account)
	if err != nil {
		return nil, fmt.Errorf("finding the account to run as: %w", err)
	}
	uid, err := strconv.ParseUint(entry.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	gid, err := strconv.ParseUint(entry.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	return &program.User{UID: uint32(uid), GID: uint32(gid)}, nil
}
