package p9

import "syscall"

// Errors that not every system has.
const (
	enonet    = syscall.ENONET
	enopkg    = syscall.ENOPKG
	ecomm     = syscall.ECOMM
	ebadfd    = syscall.EBADFD
	estrpipe  = syscall.ESTRPIPE
	eisnam    = syscall.EISNAM
	eremoteio = syscall.EREMOTEIO
	enodata   = syscall.ENODATA
)

// The numbers in messages are Linux's.

func linuxErrno(e syscall.Errno) uint32 { return uint32(e) }

func hostErrno(n uint32) syscall.Errno { return syscall.Errno(n) }
