//go:build !linux

package door

import "syscall"

// socketpair marks the descriptors before anybody forks: not every system can do it at once.
func socketpair() (fds [2]int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fds, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

func dup(from, to int) error { return syscall.Dup2(from, to) }
