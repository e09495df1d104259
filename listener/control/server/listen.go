package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/mailreg/mailreg/listener/control"
)

// Group is the group whose members may call the daemon, beside root. The socket is root's alone where it does not exist.
const Group = "mailreg"

const prepared = control.PreparedSuffix

// Listen opens the control socket at path with mode 0660, and makes its folder. A socket that a dead daemon left behind
// is replaced; a living daemon's, and anything that is no socket, is an error. The socket appears under its name only
// when it has its mode and group. Closing the listener removes it.
func Listen(path string) (net.Listener, error) {
	if err := control.CheckPath(path); err != nil {
		return nil, err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	if err := checkFree(path); err != nil {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	draft := path + prepared
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: draft, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := publish(draft, path); err != nil {
		return nil, fmt.Errorf("opening control socket: %w", errors.Join(err, l.Close(), os.Remove(draft)))
	}
	return &socket{Listener: l, path: path}, nil
}

// makeFolder makes the folder of the socket, which the group must get through whatever the umask.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// checkFree returns an error when something other than a dead socket stands at path.
func checkFree(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way: it is no socket", path)
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("another daemon serves %s", path), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// publish gives the socket its group and mode and only then its name.
func publish(draft, path string) error {
	if gid, ok := groupID(); ok {
		if err := os.Chown(draft, -1, gid); err != nil {
			return err
		}
	}
	if err := os.Chmod(draft, 0o660); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// groupID returns the number of Group when the host has it and this process may hand files to it.
func groupID() (int, bool) {
	group, err := user.LookupGroup(Group)
	if err != nil || os.Geteuid() != 0 {
		return 0, false
	}
	gid, err := strconv.Atoi(group.Gid)
	return gid, err == nil
}

// socket is a listener that removes its file when it is closed for the first time.
type socket struct {
	net.Listener
	path string
	once sync.Once
}

// Close stops listening and removes the socket.
func (s *socket) Close() error {
	err := net.ErrClosed
	s.once.Do(func() { err = errors.Join(os.Remove(s.path), s.Listener.Close()) })
	return err
}
