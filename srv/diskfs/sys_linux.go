package diskfs

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that nearly every request makes. Package unix's forms of them make a
// NUL-terminated copy of each name, and a vector, on the heap; these have them on
// the stack. What points there is turned into a number in the call itself, as
// package unsafe wants it.

// A cstring is a name of a directory with the NUL that ends it.
type cstring [256]byte

func (c *cstring) set(name string) bool {
	if len(name) >= len(c) {
		return false
	}
	c[copy(c[:], name)] = 0
	return true
}

// setInt makes it the decimal digits of n.
func (c *cstring) setInt(n int) { c[len(strconv.AppendInt(c[:0], int64(n), 10))] = 0 }

// errno makes an error of a number, nil of 0.
func errno(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

var empty [1]byte // a name of no bytes

// statx asks for the attributes of fd's file, statx(2). quick says that it waits for
// nothing: Go's scheduler then is not told of the call, which takes half as long as
// the call itself.
func statx(fd int, st *unix.Statx_t, quick bool) error {
	const flags, mask = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT, statxMask
	var e unix.Errno
	if quick {
		_, _, e = unix.RawSyscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&empty)), flags, mask, uintptr(unsafe.Pointer(st)), 0)
	} else {
		_, _, e = unix.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&empty)), flags, mask, uintptr(unsafe.Pointer(st)), 0)
	}
	return errno(e)
}

const statxMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME | unix.STATX_MNT_ID

// statName asks for the attributes of a name of the directory dir; quick as for statx. On the name
// there may be a mount by now, whose server is not asked.
func statName(dir int, name string, st *unix.Statx_t, quick bool) error {
	var c cstring
	if !c.set(name) {
		return unix.ENAMETOOLONG
	}
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	var e unix.Errno
	if quick {
		_, _, e = unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&c)), flags, statxMask, uintptr(unsafe.Pointer(st)), 0)
	} else {
		_, _, e = unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&c)), flags, statxMask, uintptr(unsafe.Pointer(st)), 0)
	}
	return errno(e)
}

// openat2 opens a name of the directory dir, openat2(2). With resolveCached that
// waits for nothing, like a quick statx.
func openat2(dir int, name string, flags int, perm uint32, resolve uint64) (int, error) {
	var c cstring
	if !c.set(name) {
		return -1, unix.ENAMETOOLONG
	}
	how := unix.OpenHow{Flags: uint64(flags), Mode: uint64(perm), Resolve: resolve}
	var fd uintptr
	var e unix.Errno
	if resolve&resolveCached != 0 {
		fd, _, e = unix.RawSyscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(&c)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	} else {
		fd, _, e = unix.Syscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(&c)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	}
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// openNumber opens the file of descriptor fd anew. proc is the directory
// /proc/self/fd.
func openNumber(proc, fd, flags int) (int, error) {
	var c cstring
	c.setInt(fd)
	fd2, _, e := unix.Syscall6(unix.SYS_OPENAT, uintptr(proc), uintptr(unsafe.Pointer(&c)), uintptr(flags|unix.O_LARGEFILE), 0, 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(fd2), nil
}

// unlinkat removes a name of the directory dir, unlinkat(2).
func unlinkat(dir int, name string, flags int) error {
	var c cstring
	if !c.set(name) {
		return unix.ENAMETOOLONG
	}
	_, _, e := unix.Syscall(unix.SYS_UNLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&c)), uintptr(flags))
	return errno(e)
}

// preadNow reads what is in memory of a file, preadv2(2) with RWF_NOWAIT; p is
// not empty. It waits for nothing, like a quick statx.
func preadNow(fd int, p []byte, off int64) (int, error) {
	v := unix.Iovec{Base: &p[0]}
	v.SetLen(len(p))
	// The offset's upper half is for machines of 32 bits; others shift it out.
	n, _, e := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, uintptr(off), uintptr(off>>32), unix.RWF_NOWAIT)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// cached reports whether the n bytes at off of a file are in memory: all their pages
// are there by cachestat(2) (Linux 6.5), and the last one has been read, so that those
// before it most likely have been too. Where one was not, who reads it waits for what
// is under way.
func cached(fd int, off int64, n int) bool {
	size := int64(os.Getpagesize())
	r := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	var st unix.Cachestat_t
	if unix.Cachestat(uint(fd), &r, &st, 0) != nil || int64(st.Cache) < (off+int64(n)-1)/size-off/size+1 {
		return false
	}
	var last [1]byte
	m, _ := preadNow(fd, last[:], off+int64(n)-1)
	return m == 1
}

// bytesOf gives a string's bytes, to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
