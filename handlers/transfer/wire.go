package transfer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A host that loses its power, or the way to it, closes no connection. The kernel asks after a silent one each heartbeat, and
// gives up one on which nothing was acknowledged for deadAfter.
const (
	heartbeat = 15 * time.Second
	deadAfter = time.Minute
)

// watched sets on a socket how long it may be without acknowledgement (tcp(7), TCP_USER_TIMEOUT; those that a listening
// socket accepts have what it has).
func watched(_, _ string, c syscall.RawConn) error {
	var err error
	if outer := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter/time.Millisecond))
	}); outer != nil || err != nil {
		return fmt.Errorf("setting a timeout of TCP: %w", errors.Join(outer, err))
	}
	return nil
}
