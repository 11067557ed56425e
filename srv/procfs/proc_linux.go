package procfs

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// tick is Linux's unit of times towards programs, USER_HZ.
const tick = 10 * time.Millisecond

// sinceBoot is the clock that processes' starts are told by.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}

// A proc is one process for good: pids are used again, ids are not.
type proc struct {
	pid int
	id  uint64
}

// pidfs tells whether the inode number of a pidfd is the process's alone, as it is from
// Linux 6.9 on.
var pidfs = sync.OnceValue(func() bool {

	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == unix.PID_FS_MAGIC
})

// identify gives what tells a process from all others that have or had its pid: the
// inode number of its pidfd, or its start and its pid. A further thread of a process,
// of which /proc knows too, is none.
func identify(pid int) (uint64, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == unix.ENOSYS || err == unix.EPERM: // an old kernel, or a filter
		fd = -1
	case err != nil:
		return 0, err
	default:
		defer unix.Close(fd)
	}
	if fd >= 0 && pidfs() {
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		return st.Ino, err
	}
	st, err := readStat(pid)
	return st.start<<22 | uint64(pid), err
}

// check tells whether it is still this process that has the pid. What was read of it
// by the pid before is then its own.
func (p proc) check() error {
	id, err := identify(p.pid)
	switch {
	case err == unix.EMFILE || err == unix.ENFILE:
		return err
	case err != nil || id != p.id:
		return errExited
	}
	return nil
}

// cause turns an error of /proc into what a client is told.
func (p proc) cause(err error) error {
	var n syscall.Errno
	switch {
	case !errors.As(err, &n):
		return err
	case n == syscall.ESRCH || n == syscall.ENOENT:
		if p.check() == nil {
			return errNone
		}
		return errExited
	case n == syscall.EPERM || n == syscall.EACCES:
		return p9.ErrPerm
	}
	return n
}

func (p proc) path(name string) string { return "/proc/" + strconv.Itoa(p.pid) + name }

// owner is whose the process's directory, or a file in it, is.
func (p proc) owner(name string) (uid, gid uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(p.path(name), &st); err != nil {
		return 0, 0, p.cause(err)
	}
	return st.Uid, st.Gid, nil
}

// A stat is what we use of proc_pid_stat(5).
type stat struct {
	name                         string
	state                        byte
	ppid, pgrp                   int
	utime, stime, cutime, cstime time.Duration
	prio, nice                   int
	start                        uint64 // ticks since the boot
	exit                         syscall.WaitStatus
}

func readStat(pid int) (stat, error) {
	var buf [1024]byte
	n, err := readOnce("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(buf[:n])
}

// readOnce reads a short file by three calls.
func readOnce(name string, buf []byte) (int, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return unix.Read(fd, buf)
}

// parseStat takes a stat apart; the name may hold anything, blanks and brackets too.
func parseStat(b []byte) (s stat, err error) {
	i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if i < 0 || j < i {
		return s, p9.NewError(syscall.EIO, "bad stat of a process")
	}
	f := strings.Fields(string(b[j+1:])) // f[0] is the manual's field 3
	if len(f) < 22 {
		return s, p9.NewError(syscall.EIO, "bad stat of a process")
	}
	num := func(field int) int64 {
		if field-3 >= len(f) {
			return 0
		}
		n, _ := strconv.ParseInt(f[field-3], 10, 64)
		return n
	}
	ticks := func(field int) time.Duration { return time.Duration(num(field)) * tick }
	return stat{
		name: string(b[i+1 : j]), state: f[0][0], ppid: int(num(4)), pgrp: int(num(5)),
		utime: ticks(14), stime: ticks(15), cutime: ticks(16), cstime: ticks(17),
		prio: int(num(18)), nice: int(num(19)), start: uint64(num(22)),
		exit: syscall.WaitStatus(num(52)),
	}, nil
}

func (p proc) stat() (stat, error) {
	st, err := readStat(p.pid)
	return st, p.cause(err)
}

var states = map[byte]string{
	'R': "Running", 'S': "Wakeme", 'I': "Wakeme", 'D': "Queueing", 'T': "Stopped", 't': "Stopped", 'Z': "Moribund",
}

// status is read at once for all of its fields, as far as Linux can do that.
func (p proc) status() (string, error) {
	uid, _, err := p.owner("")
	if err != nil {
		return "", err
	}
	kib := p.memory()
	st, err := p.stat()
	if err != nil {
		return "", err
	}
	who := p9.Stat{Nuid: uid}
	srv.Owners(&who)
	state, ok := states[st.state]
	if !ok {
		state = "Dead"
	}
	current := 19 // real time
	if st.prio >= 0 {
		current = priOf(st.prio - 20)
	}
	b := make([]byte, 0, 176)
	b = left(b, st.name, 27)
	b = left(b, who.Uid, 27)
	b = left(b, state, 11)
	real := sinceBoot() - time.Duration(st.start)*tick
	for _, n := range [...]int64{
		st.utime.Milliseconds(), st.stime.Milliseconds(), real.Milliseconds(), st.cutime.Milliseconds(), st.cstime.Milliseconds(), 0,
		kib, int64(priOf(st.nice)), int64(current),
	} {
		b = right(b, n)
	}
	return string(b), nil
}

// left adds a text to a line in so many columns, and a blank.
func left(b []byte, s string, width int) []byte {
	s = clip(s, width)
	b = append(b, s...)
	for range width + 1 - len(s) {
		b = append(b, ' ')
	}
	return b
}

// right adds a number in 11 columns, and a blank.
func right(b []byte, n int64) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	for range 11 - len(d) {
		b = append(b, ' ')
	}
	return append(append(b, d...), ' ')
}

// memory is the resident set in KiB, from statm: that of stat lags behind.
func (p proc) memory() int64 {
	var buf [128]byte
	n, _ := readOnce(p.path("/statm"), buf[:])
	_, rest, _ := bytes.Cut(buf[:max(n, 0)], []byte{' '})
	rss, _, _ := bytes.Cut(rest, []byte{' '})
	pages, _ := strconv.ParseInt(string(rss), 10, 64)
	return pages * int64(os.Getpagesize()) / 1024
}

// clip cuts a text to n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
