package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// A bare kernel is what makes the null server "sys": before it answers from memory it
// makes the system calls without which no server of a directory can, and nothing else:
// no table of fids but an array, no check, no error of the client's. What it reaches is
// the ceiling of Linux for a server in Go that knows nothing of what was asked before:
// ours has a file open still that was walked to just now, and then needs only to look.
//
//	Twalk      openat O_PATH and statx, for the qid, of a name
//	Tgetattr   statx
//	Tlopen     openat of /proc/self/fd/N and statx
//	Tlcreate   openat O_CREAT|O_EXCL and statx
//	Tread      pread
//	Twrite     pwrite
//	Tclunk     close
//	Tunlinkat  unlinkat
type bare struct {
	fds  [slotFid + maxDepth]int32 // by fid; clones have the same
	name [64]byte
	st   unix.Statx_t
}

func newBare(dir string) (*bare, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	b := &bare{}
	b.fds[rootFid] = int32(fd)
	return b, err
}

func (b *bare) close() {
	for i, fd := range b.fds {
		if i == rootFid || fd > 0 && fd != b.fds[rootFid] && (i < slotFid || fd != b.fds[fileFid]) { // no clone
			unix.Close(int(fd))
		}
	}
}

// call makes a system call. All those here wait for nothing, where files are in memory,
// so that Go's scheduler need not be told of them.
func call(nr uintptr, a, b, c, d, e uintptr) (int, error) {
	n, _, errno := unix.RawSyscall6(nr, a, b, c, d, e, 0)
	if errno != 0 {
		return -1, fmt.Errorf("system call %d: %w", nr, errno)
	}
	return int(n), nil
}

func (b *bare) open(dir int32, name []byte, flags int, perm uintptr) (int32, error) {
	if len(name) >= len(b.name) {
		return -1, syscall.ENAMETOOLONG
	}
	b.name[copy(b.name[:], name)] = 0
	fd, err := call(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&b.name)), uintptr(flags|unix.O_CLOEXEC), perm, 0)
	if err != nil {
		return -1, err
	}
	return int32(fd), b.stat(int32(fd))
}

// transfer reads or writes data.
func (b *bare) transfer(nr uintptr, f, data []byte) error {
	fd, err := b.at(f)
	if err == nil {
		var n int
		n, err = call(nr, uintptr(*fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), uintptr(le.Uint64(f[4:])), 0)
		if err == nil && n != len(data) {
			err = io.ErrShortWrite
		}
	}
	return err
}

var noName [1]byte

func (b *bare) stat(fd int32) error {
	_, err := call(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&noName)), unix.AT_EMPTY_PATH,
		unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&b.st)))
	return err
}

// at gives the place of a message's fid.
func (b *bare) at(f []byte) (*int32, error) {
	fid := le.Uint32(f)
	if fid >= uint32(len(b.fds)) {
		return nil, fmt.Errorf("fid %d is not for me", fid)
	}
	return &b.fds[fid], nil
}

// do does what a message asks, but for reads and writes of data; f is what follows the
// tag.
func (b *bare) do(t p9.Type, f []byte) error {
	if t == p9.Tversion || t == p9.Tattach {
		return nil
	}
	fd, err := b.at(f)
	if err != nil {
		return err
	}
	switch t {
	case p9.Twalk:
		to, err := b.at(f[4:])
		if err != nil {
			return err
		}
		if *to = *fd; f[8] == 1 {
			*to, err = b.open(*fd, f[12:], unix.O_PATH|unix.O_NOFOLLOW, 0)
		} else if f[8] > 1 {
			err = errors.New("a walk of many names is not for me")
		}
		return err
	case p9.Tgetattr:
		return b.stat(*fd)
	case p9.Tlopen:
		mode := int(le.Uint32(f[4:])) & unix.O_ACCMODE
		*fd, err = b.open(unix.AT_FDCWD, fmt.Appendf(nil, "/proc/self/fd/%d", *fd), mode, 0)
	case p9.Tlcreate:
		*fd, err = b.open(*fd, f[6:6+le.Uint16(f[4:])], unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
	case p9.Tclunk:
		_, err = call(unix.SYS_CLOSE, uintptr(*fd), 0, 0, 0, 0)
	case p9.Tunlinkat:
		b.name[copy(b.name[:], f[6:6+le.Uint16(f[4:])])] = 0
		_, err = call(unix.SYS_UNLINKAT, uintptr(*fd), uintptr(unsafe.Pointer(&b.name)), 0, 0, 0)
	}
	return err
}
