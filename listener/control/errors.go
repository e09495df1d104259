package control

import (
	"context"
	"errors"
	"net/http"

	"github.com/mailreg/mailreg/schema"
)

// ErrNotFound says that the named ID or handler does not exist. Implementations of API wrap it; it survives the socket.
var ErrNotFound = errors.New("not found")

// failure is the body of every answer that is not a success.
type failure struct {
	Error string `json:"error"`
}

// statusOf maps an error of the API to an HTTP status.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, schema.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

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
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusBadRequest:
		return target == schema.ErrInvalid
	default:
		return false
	}
}
