//go:build 386 || arm

package diskfs

import "golang.org/x/sys/unix"

// The older calls of these machines take numbers of 16 bits.
const (
	sysSetresuid = unix.SYS_SETRESUID32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetgroups = unix.SYS_SETGROUPS32
)
