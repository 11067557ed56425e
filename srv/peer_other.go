//go:build !linux

package srv

import (
	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// PeerOf is Peer for a connection: LOCAL_PEERCRED of unix(4).
func PeerOf(conn any) (uid uint32, ok bool) {
	raw := p9.Socket(conn)
	if raw == nil {
		return 0, false
	}
	err := raw.Control(func(fd uintptr) {
		if addr, err := unix.Getsockname(int(fd)); err != nil {
			return
		} else if _, local := addr.(*unix.SockaddrUnix); !local {
			return
		}
		if cred, err := unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED); err == nil && cred.Uid != p9.NoUid {
			uid, ok = cred.Uid, true
		}
	})
	return uid, ok && err == nil
}

// solLocal is the level of options of Unix sockets.
const solLocal = 0
