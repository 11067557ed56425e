package door

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func socketpair() ([2]int, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fds, err
	}
	for _, fd := range fds { // best effort: the limit of who is not root may be lower
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, pairSize) != nil {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, pairSize)
		}
	}
	return fds, nil
}

// pairSize is how much may be on its way between two processes: as much as comes in a go from
// a caller who reads ahead, so that neither wakes the other for each piece.
const pairSize = 1 << 20

func dup(from, to int) error { return syscall.Dup3(from, to, 0) }
