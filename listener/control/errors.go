package control

import (
	"errors"
	"fmt"

	"github.com/mailreg/mailreg/schema"
)

// ErrNotFound says that the named ID or handler does not exist. Implementations of API wrap it; it survives the socket.
var ErrNotFound = errors.New("not found")

// The HTTP statuses that tell a class of error.
const (
	statusOK         = 200
	statusBadRequest = 400
	statusNotFound   = 404
)

// remote is an error that the daemon answered: it reads as the daemon said it.
type remote struct {
	message string
	status  int
}

// Error returns the daemon's message.
func (e *remote) Error() string { return e.message }

// Is brings the class of the daemon's error back.
func (e *remote) Is(target error) bool {
	switch e.status {
	case statusNotFound:
		return target == ErrNotFound
	case statusBadRequest:
		return target == schema.ErrInvalid
	default:
		return false
	}
}

// PreparedSuffix is what the socket's name ends in until it has its mode and group.
const PreparedSuffix = ".new"

// maxPath is the longest path of a unix socket (sockaddr_un holds 108 bytes, the last of them NUL; unix(7)), less the
// suffix under which the socket is prepared.
const maxPath = 107 - len(PreparedSuffix)

// CheckPath refuses a path that no socket can have.
func CheckPath(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("the path of the control socket has %d bytes, more than %d: %s", len(path), maxPath, path)
	}
	return nil
}
