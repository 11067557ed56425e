package srv

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

type peerKey struct{}

// withPeer makes a ctx from which Peer tells who is at the other end of rwc.
func withPeer(ctx context.Context, rwc io.ReadWriteCloser) context.Context {
	return context.WithValue(ctx, peerKey{}, rwc)
}

// Peer gives the number of the user whose process made the connection that a request
// came over, where that is a Unix socket: SO_PEERCRED of unix(7).
func Peer(ctx context.Context) (uid uint32, ok bool) {
	rwc, _ := ctx.Value(peerKey{}).(io.ReadWriteCloser)
	raw := p9.Socket(rwc)
	if raw == nil {
		return 0, false
	}
	err := raw.Control(func(fd uintptr) {
		if family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || family != unix.AF_UNIX {
			return
		}
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && cred.Uid != p9.NoUid {
			uid, ok = cred.Uid, true
		}
	})
	return uid, ok && err == nil
}
