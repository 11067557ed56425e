package srv

import (
	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// PeerOf is Peer for a connection.
func PeerOf(conn any) (uid uint32, ok bool) {
	raw := p9.Socket(conn)
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
