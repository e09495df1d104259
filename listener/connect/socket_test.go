package connect_test

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
)

// TestKeepAlive proves that a peer that is gone without a word is noticed after 20 s.
func TestKeepAlive(t *testing.T) {
	url := serve(t, func(c net.Conn) { answer(c, result(wire.BindResponse, 0)) })
	conn, err := connect.Open(t.Context(), listener(url))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name               string
		level, opt, expect int
	}{
		{"on", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"idle", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 5},
		{"interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		{"count", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		got := -1
		control := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), tt.level, tt.opt) })
		if control != nil || err != nil || got != tt.expect {
			t.Errorf("%s: %d, want %d (%v, %v)", tt.name, got, tt.expect, control, err)
		}
	}
}

// TestBlackHole proves that a server which does not even answer to SYN is given up after the timeout, and that the next one
// is taken.
func TestBlackHole(t *testing.T) {
	hole := blackHole(t)
	good := serve(t, func(c net.Conn) { answer(c, result(wire.BindResponse, 0)) })
	s := listener(hole, good)
	s.Timeout, s.Memory = 100*time.Millisecond, connect.NewMemory()
	begin := time.Now()
	conn, err := connect.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if took := time.Since(begin); conn.URL != good || took > 5*time.Second {
		t.Errorf("%s after %s", conn.URL, took)
	}
	if notes := s.Memory.Notes(); len(notes) != 1 || !strings.Contains(notes[0], hole+" is not used: ") {
		t.Errorf("notes %q", notes)
	}
}

// blackHole returns the URL of a port on loopback that drops every SYN: its queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	loopback := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, loopback); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 50*time.Millisecond)
		if err != nil {
			return "ldap://" + address
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}
