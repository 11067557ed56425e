package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
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

func bootTime() time.Time { return time.Now().Add(-sinceBoot()) }

// isProcess tells a process's pid from a further thread's, which /proc has too.
func isProcess(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
	}
	unix.Close(fd)
	return true
}

// cause turns an error of /proc into what a client is told.
func cause(err error) error {
	var n syscall.Errno
	switch {
	case !errors.As(err, &n):
		return err
	case n == syscall.ESRCH || n == syscall.ENOENT:
		return errExited
	case n == syscall.EPERM || n == syscall.EACCES:
		return p9.ErrPerm
	}
	return n
}

// A stat is what we use of proc_pid_stat(5).
type stat struct {
	name                         string
	state                        byte
	ppid                         int
	utime, stime, cutime, cstime time.Duration
	prio, nice                   int
	start                        uint64
	exit                         syscall.WaitStatus
}

func statOf(pid int) (stat, error) { return readStat("/proc/" + strconv.Itoa(pid)) }

func readStat(dir string) (stat, error) {
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return stat{}, cause(err)
	}
	return parseStat(b)
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
		name: string(b[i+1 : j]), state: f[0][0], ppid: int(num(4)),
		utime: ticks(14), stime: ticks(15), cutime: ticks(16), cstime: ticks(17),
		prio: int(num(18)), nice: int(num(19)), start: uint64(num(22)),
		exit: syscall.WaitStatus(num(52)),
	}, nil
}

// A procDir is a process's directory in /proc, open: what is read beneath it is of
// that process or an error, whoever has its pid.
type procDir struct {
	f    *os.File
	path string
	stat
}

// open finds the process again.
func (p proc) open() (*procDir, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(p.pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, cause(err)
	}
	d := &procDir{f: os.NewFile(uintptr(fd), "proc"), path: fmt.Sprintf("/proc/self/fd/%d", fd)}
	if d.stat, err = readStat(d.path); err == nil && d.start != p.start {
		err = errExited
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *procDir) close() { d.f.Close() }

// owner is whose the directory or a file in it is.
func (d *procDir) owner(name string) (uid, gid uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(d.path+name, &st); err != nil {
		return 0, 0, cause(err)
	}
	return st.Uid, st.Gid, nil
}

func (d *procDir) args() (string, error) {
	b, err := os.ReadFile(d.path + "/cmdline")
	if err != nil || len(b) == 0 { // a kernel thread, or a zombie
		return "", cause(err)
	}
	var words []string
	for w := range strings.SplitSeq(strings.TrimSuffix(string(b), "\x00"), "\x00") {
		words = append(words, srv.Quote(w))
	}
	return strings.Join(words, " "), nil
}

func (d *procDir) ppid() (string, error) { return fmt.Sprintf("%11d ", d.stat.ppid), nil }

var states = map[byte]string{
	'R': "Running", 'S': "Wakeme", 'I': "Wakeme", 'D': "Queueing", 'T': "Stopped", 't': "Stopped", 'Z': "Moribund",
}

func (d *procDir) status() (string, error) {
	uid, _, err := d.owner("")
	if err != nil {
		return "", err
	}
	who := p9.Stat{Nuid: uid}
	srv.Owners(&who)
	state, ok := states[d.state]
	if !ok {
		state = "Dead"
	}
	current := 19 // real time
	if d.prio >= 0 {
		current = priOf(d.prio - 20)
	}
	var b strings.Builder
	for _, c := range []struct {
		s     string
		width int
	}{{d.name, 27}, {who.Uid, 27}, {state, 11}} {
		s := clip(c.s, c.width)
		b.WriteString(s + strings.Repeat(" ", c.width+1-len(s)))
	}
	real := sinceBoot() - time.Duration(d.start)*tick
	for _, n := range []int64{
		d.utime.Milliseconds(), d.stime.Milliseconds(), real.Milliseconds(), d.cutime.Milliseconds(), d.cstime.Milliseconds(), 0,
		d.memory(), int64(priOf(d.nice)), int64(current),
	} {
		fmt.Fprintf(&b, "%11d ", n)
	}
	return b.String(), nil
}

// memory is the resident set in KiB, from statm: that of stat lags behind.
func (d *procDir) memory() int64 {
	b, _ := os.ReadFile(d.path + "/statm")
	if f := strings.Fields(string(b)); len(f) > 1 {
		pages, _ := strconv.ParseInt(f[1], 10, 64)
		return pages * int64(os.Getpagesize()) / 1024
	}
	return 0
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

func (d *procDir) fds() (string, error) {
	cwd, err := os.Readlink(d.path + "/cwd")
	if err != nil {
		return "", cause(err)
	}
	ents, err := os.ReadDir(d.path + "/fd")
	if err != nil {
		return "", cause(err)
	}
	var b strings.Builder
	b.WriteString(line(cwd))
	nums := make([]int, 0, len(ents))
	for _, e := range ents {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			nums = append(nums, n)
		}
	}
	for _, n := range sorted(nums) {
		file := fmt.Sprintf("%s/fd/%d", d.path, n)
		name, err := os.Readlink(file)
		var st unix.Stat_t
		if err != nil || unix.Stat(file, &st) != nil {
			continue // closed since
		}
		info, _ := os.ReadFile(fmt.Sprintf("%s/fdinfo/%d", d.path, n))
		pos, flags := fdinfo(string(info))
		mode := fs.FileMode(0)
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			mode = fs.ModeDir
		}
		fmt.Fprintf(&b, "%3d %-2s %c %4d (%.16x 0 %.2x) %5d %8d %s", n, [...]string{"r", "w", "rw", "r"}[flags&3],
			typeOf(st.Mode), st.Dev, st.Ino, uint8(p9.QidTypeOf(mode)), 0, pos, line(name))
	}
	return b.String(), nil
}

// fdinfo takes the offset and the open flags from a file of /proc/N/fdinfo.
func fdinfo(s string) (pos int64, flags uint64) {
	for l := range strings.Lines(s) {
		name, v, _ := strings.Cut(strings.TrimSpace(l), ":")
		switch v = strings.TrimSpace(v); name {
		case "pos":
			pos, _ = strconv.ParseInt(v, 10, 64)
		case "flags":
			flags, _ = strconv.ParseUint(v, 8, 64)
		}
	}
	return pos, flags
}

func typeOf(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return 'M'
	case unix.S_IFIFO:
		return '|'
	case unix.S_IFSOCK:
		return 'I'
	case unix.S_IFCHR, unix.S_IFBLK:
		return 'c'
	}
	return 'a'
}

// line ends a name that is the last of its line, quoted if it has newlines.
func line(name string) string {
	if strings.Contains(name, "\n") {
		name = srv.Quote(name)
	}
	return name + "\n"
}
