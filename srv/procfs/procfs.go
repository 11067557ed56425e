// Package procfs serves Linux's processes as Plan 9's proc(3) has them.
//
//	/                 0555
//	    N/            0555  the process with pid N
//	        args      0444  its arguments, quoted as rc(1) has it
//	        cmdline   0444  the same
//	        ctl       0200  accepts kill, stop, start, pri n
//	        fd        0400  its directory, then a line for each open descriptor
//	        note      0200  each write is a note, sent as a signal
//	        ns        0400  its name space, in the form of namespace(6)
//	        ppid      0444  its parent's pid, 11 columns and a blank
//	        status    0444  one record of 176 bytes, below
//	        wait      0444  blocks until it ends, then reads as its wait(2) line
//
// N is owned by the user that the process runs as, and its files by the user whom
// Linux lets at what is in it, which is root for a process that is not dumpable
// (prctl(2)). The server's own user may ask for all that the server itself may
// do, as Plan 9's eve; other users are held to the modes. What Linux refuses is
// "permission denied".
//
// Each file is a snapshot made when it is opened. A process that has ended is
// "process exited", also where another one has its pid meanwhile.
//
// # Status
//
// Twelve fields, each followed by a blank: the name and the user, 27 columns, and
// the state, 11 columns, left-justified; then numbers, 11 columns, right-justified:
// the ms in user code, in the system, and since the start, the first two again for the
// children that it waited for and a 0 for their real time, which Linux does not keep;
// the resident memory in KiB; and the base and the current priority.
//
// The state is Running, Wakeme (sleeping), Queueing (uninterruptible), Stopped, Moribund
// (a zombie) or Dead. The priorities are Plan 9's, 0 to 19 with 10 the usual: 10
// is nice 0, 19 nice -18 and beyond, 0 nice 19; a real-time process has 19 as its current one.
//
// # Fd
//
// The columns are Plan 9's: number, mode (r, w, rw), type, device, qid, iounit, offset, name.
// The type is M for files and directories, | for pipes, I for sockets, c for
// devices, and a for what has no file (epoll, timers); device is Linux's in decimal, the
// qid's path the inode number, and iounit 0 as there is none.
//
// # Ns
//
// A process in a name space of ninespace has its text in its own /mnt/ns/ns, which is
// what is read; for another it is an error.
//
// # Wait
//
// The line is "pid user system real status" (srv.ParseWaitMsg), in ms. The status is
// srv.StatusText's if the process could be asked before its parent reaped it, or if
// Linux keeps it (6.15), and else unknown.
package procfs

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// errExited is what is said of a process that is no more.
var errExited = p9.NewError(syscall.ESRCH, "process exited")

// New makes the directory of all processes that /proc shows to this one.
func New() srv.File {
	return &root{srv.NewNode(fs.ModeDir | 0o555), bootTime()}
}

type root struct {
	srv.Node
	boot time.Time
}

// Walk finds a process.
func (r *root) Walk(_ context.Context, name string) (srv.File, error) {
	pid, err := strconv.Atoi(name)
	if err != nil || pid <= 0 || strconv.Itoa(pid) != name || !isProcess(pid) {
		return nil, p9.ErrNotExist
	}
	st, err := statOf(pid)
	if err != nil {
		return nil, p9.ErrNotExist
	}
	return &dir{proc{pid, st.start, r.boot}}, nil
}

// List gives the processes in the order of their pids, which are the cookies.
func (r *root) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		f, err := os.Open("/proc")
		if err != nil {
			yield(p9.Dirent{}, cause(err))
			return
		}
		names, err := f.Readdirnames(-1)
		f.Close()
		if err != nil {
			yield(p9.Dirent{}, cause(err))
			return
		}
		var pids []int
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil && uint64(pid) > cookie {
				pids = append(pids, pid)
			}
		}
		slices.Sort(pids)
		for _, pid := range pids {
			st, err := statOf(pid)
			if err != nil {
				continue // gone since
			}
			p := proc{pid, st.start, r.boot}
			if !yield(p9.Dirent{Qid: p.qid(0, p9.QTDIR), Cookie: uint64(pid), Mode: fs.ModeDir, Name: strconv.Itoa(pid)}, nil) {
				return
			}
		}
	}
}

// A proc is one process for good: pids are used again, with another start.
type proc struct {
	pid   int
	start uint64 // ticks since the boot
	boot  time.Time
}

// qid has bit 63, which the kit's paths have not, 37 bits of the start (43 years),
// 22 of the pid, which are all that Linux has, and 4 for the file.
func (p proc) qid(file int, t p9.QidType) p9.Qid {
	return p9.Qid{Type: t, Path: 1<<63 | p.start<<26&(1<<63-1) | uint64(p.pid)<<4 | uint64(file)}
}

func (p proc) stat(file int, mode fs.FileMode, uid, gid uint32) p9.Stat {
	began := p.boot.Add(time.Duration(p.start) * tick)
	return p9.Stat{Qid: p.qid(file, p9.QidTypeOf(mode)), Mode: mode, Nuid: uid, Ngid: gid, Atime: began, Mtime: began, Ctime: began}
}

// files is what a process's directory has, in order; the numbers of the files in
// their qids count from 1.
var files = [...]struct {
	name string
	mode fs.FileMode
	open func(p proc, d *procDir) (srv.Handle, error)
}{
	{"args", 0o444, text((*procDir).args)},
	{"cmdline", 0o444, text((*procDir).args)},
	{"ctl", 0o200, openCtl},
	{"fd", 0o400, text((*procDir).fds)},
	{"note", 0o200, func(p proc, _ *procDir) (srv.Handle, error) { return noteHandle{p}, nil }},
	{"ns", 0o400, text((*procDir).ns)},
	{"ppid", 0o444, text((*procDir).ppid)},
	{"status", 0o444, text((*procDir).status)},
	{"wait", 0o444, openWait},
}

// text makes the open of a file that reads as a text.
func text(f func(d *procDir) (string, error)) func(proc, *procDir) (srv.Handle, error) {
	return func(_ proc, d *procDir) (srv.Handle, error) {
		s, err := f(d)
		return srv.Bytes(s), err
	}
}

// dir is N.
type dir struct{ p proc }

func (d *dir) Stat(context.Context) (p9.Stat, error) {
	pd, err := d.p.open()
	if err != nil {
		return p9.Stat{}, err
	}
	defer pd.close()
	uid, gid, err := pd.owner("")
	return d.p.stat(0, fs.ModeDir|0o555, uid, gid), err
}

func (d *dir) Walk(_ context.Context, name string) (srv.File, error) {
	for i := range files {
		if files[i].name == name {
			return &file{d.p, i}, nil
		}
	}
	return nil, p9.ErrNotExist
}

func (d *dir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := int(min(cookie, uint64(len(files)))); i < len(files); i++ {
			if !yield(p9.Dirent{Qid: d.p.qid(i+1, 0), Cookie: uint64(i + 1), Name: files[i].name}, nil) {
				return
			}
		}
	}
}

// A file is one in N, by its place in files.
type file struct {
	p proc
	i int
}

// Guard marks that Open checks the permissions.
func (f *file) Guard() {}

func (f *file) Stat(context.Context) (p9.Stat, error) {
	d, err := f.p.open()
	if err != nil {
		return p9.Stat{}, err
	}
	defer d.close()
	return f.stat(d)
}

func (f *file) stat(d *procDir) (p9.Stat, error) {
	uid, gid, err := d.owner("/fd")
	return f.p.stat(f.i+1, files[f.i].mode, uid, gid), err
}

// Wstat accepts the truncation that a shell's > is, and new times.
func (f *file) Wstat(_ context.Context, w p9.Wstat) error {
	if w.Valid&^(p9.WLength|p9.WAtime|p9.WMtime|p9.WAtimeNow|p9.WMtimeNow) != 0 {
		return p9.ErrWstat
	}
	return nil
}

func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	d, err := f.p.open()
	if err != nil {
		return nil, err
	}
	defer d.close()
	st, err := f.stat(d)
	if err != nil {
		return nil, err
	}
	var want fs.FileMode
	if mode.Readable() {
		want |= 4
	}
	if mode.Writable() {
		want |= 2
	}
	u := srv.UserOf(ctx)
	if st.Mode.Perm()>>6&want != want || u != nil && u.Uid != uint32(os.Geteuid()) && !u.Allowed(&st, want) {
		return nil, p9.ErrPerm
	}
	return files[f.i].open(f.p, d)
}

// noteHandle is note, open.
type noteHandle struct{ p proc }

func (h noteHandle) Write(_ context.Context, b []byte, _ int64) (int, error) {
	sig, err := srv.ParseNote(string(b))
	if err != nil {
		return 0, err
	}
	if err := h.p.signal(sig); err != nil {
		return 0, err
	}
	return len(b), nil
}

func openCtl(p proc, _ *procDir) (srv.Handle, error) {
	signal := func(sig syscall.Signal) func(context.Context, []string) error {
		return func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return p9.NewError(syscall.EINVAL, "no argument expected")
			}
			return p.signal(sig)
		}
	}
	return srv.Open(context.Background(), srv.Cmds(0o200, nil, map[string]func(context.Context, []string) error{
		"kill": signal(syscall.SIGKILL), "stop": signal(syscall.SIGSTOP), "start": signal(syscall.SIGCONT),
		"pri": func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return p9.NewError(syscall.EINVAL, "usage: pri n")
			}
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 || n > 19 {
				return p9.NewError(syscall.EINVAL, fmt.Sprintf("priority %s is not from 0 to 19", srv.Quote(args[0])))
			}
			return p.setNice(niceOf(n))
		},
	}), p9.OWRITE)
}

// priOf gives Plan 9's priority of a nice value, niceOf the reverse.
func priOf(nice int) int { return min(19, 10-(nice+1)>>1) }
func niceOf(pri int) int { return min(19, (10-pri)*2) }
