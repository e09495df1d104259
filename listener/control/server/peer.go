package server

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// withPeer keeps the credentials of the process behind a connection (SO_PEERCRED, unix(7)) in its context.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	var readErr error
	err = raw.Control(func(fd uintptr) {
		peer, readErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || readErr != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, *peer)
}

// peerOf returns who made a call; all ones when that is not known, as the kernel has it for nobody.
func peerOf(ctx context.Context) unix.Ucred {
	if peer, ok := ctx.Value(peerKey{}).(unix.Ucred); ok {
		return peer
	}
	return unix.Ucred{Pid: -1, Uid: ^uint32(0), Gid: ^uint32(0)}
}
