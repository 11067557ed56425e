package procfs

import (
	"bytes"
	"errors"
	"os"
	"strconv"
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
	k   *keeper
}

// check tells whether it is still this process that has the pid. What was read of it
// by the pid before is then its own.
func (p proc) check() error {
	id, err := p.k.identify(p.pid, true)
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
	if err == nil {
		return nil
	}
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

// The names in /proc/N that are asked for an owner: of the directory it is whom the process
// runs as, of what else is there who may look into it.
const (
	ofProcess = ""
	ofFiles   = "stat"
)

// owner is whose a file of the process is.
func (p proc) owner(name string) (uid, gid uint32, err error) {
	uid, gid, ok, err := p.k.owner(p, name)
	if !ok {
		var st unix.Stat_t
		err = unix.Stat(p.path("/"+name), &st)
		if uid, gid = st.Uid, st.Gid; err == nil {
			err = p.check()
		}
	}
	return uid, gid, p.cause(err)
}

// read reads a short file of the process, one of keptFiles.
func (p proc) read(file int, buf []byte) ([]byte, error) {
	n, ok, err := p.k.read(p, file, buf)
	if !ok {
		n, err = readOnce(p.path("/"+keptFiles[file]), buf)
		if err == nil {
			err = p.check()
		}
	}
	return buf[:max(n, 0)], p.cause(err)
}

// A stat is what we use of proc_pid_stat(5).
type stat struct {
	name                         string
	state                        byte
	exiting                      bool // it ends, or has
	ppid, pgrp                   int
	utime, stime, cutime, cstime time.Duration
	prio, nice                   int
	start                        uint64 // ticks since the boot
	exit                         syscall.WaitStatus
}

func readStat(pid int) (st stat, err error) {
	var buf [statMost]byte
	n, err := readOnce("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return st, err
	}
	return parseStat(buf[:n])
}

const statMost = 1024 // bytes of a stat

// readOnce reads a short file by as few calls as can be.
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
	name, rest := string(b[i+1:j]), b[j+1:]
	if len(rest) < 3 {
		return s, p9.NewError(syscall.EIO, "bad stat of a process")
	}
	var f [53]int64 // by the manual's numbers
	n := 4
	for rest = rest[3:]; len(rest) > 0 && n < len(f); n++ {
		f[n], rest = parseInt(rest)
	}
	if n <= 24 {
		return s, p9.NewError(syscall.EIO, "bad stat of a process")
	}
	num := func(field int) int64 { return f[field] }
	ticks := func(field int) time.Duration { return time.Duration(num(field)) * tick }
	return stat{
		name: name, state: b[j+2], ppid: int(num(4)), pgrp: int(num(5)),
		utime: ticks(14), stime: ticks(15), cutime: ticks(16), cstime: ticks(17),
		prio: int(num(18)), nice: int(num(19)), start: uint64(num(22)),
		exiting: num(9)&4 != 0, exit: syscall.WaitStatus(num(52)), // PF_EXITING
	}, nil
}

// parseInt takes a number and a blank off a text.
func parseInt(b []byte) (n int64, rest []byte) {
	i, minus := 0, len(b) > 0 && b[0] == '-'
	if minus {
		i++
	}
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		n = 10*n + int64(b[i]-'0')
	}
	if minus {
		n = -n
	}
	return n, b[min(i+1, len(b)):]
}

// stat is of this process and no other that has its pid.
func (p proc) stat() (stat, error) {
	var buf [statMost]byte
	b, err := p.read(statFile, buf[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// stateName is Plan 9's word for one of Linux's letters.
func stateName(letter byte) string {
	switch letter {
	case 'R':
		return "Running"
	case 'S', 'I':
		return "Wakeme"
	case 'D':
		return "Queueing"
	case 'T', 't':
		return "Stopped"
	case 'Z':
		return "Moribund"
	}
	return "Dead"
}

// status is read at once for all of its fields, as far as Linux can do that.
func (p proc) status() (string, error) {
	kib := p.memory()
	st, err := p.stat()
	if err != nil {
		return "", err
	}
	uid, gid, err := p.owner(ofProcess)
	if err != nil {
		return "", err
	}
	who := p9.Stat{Nuid: uid, Ngid: gid}
	srv.Owners(&who)
	current := 19 // real time
	if st.prio >= 0 {
		current = priOf(st.prio - 20)
	}
	b := make([]byte, 0, 176)
	b = left(b, st.name, 27)
	b = left(b, who.Uid, 27)
	b = left(b, stateName(st.state), 11)
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
	b, _ := p.read(statmFile, buf[:])
	_, b = parseInt(b)
	pages, _ := parseInt(b)
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
