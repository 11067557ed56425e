// Package procfs serves Linux's processes as Plan 9's proc(3) has them.
//
//	/                 0555
//	    N/            0555  the process with pid N
//	        args      0444  its arguments, quoted as rc(1) has it
//	        children  0444  a line for each child: its pid
//	        cmdline   0444  as args
//	        ctl       0600  reads as N; accepts the commands below
//	        environ   0400  the environment it was started with: lines of name=value, as rc(1) reads them
//	        fd        0400  its directory, then a line for each open descriptor
//	        limits    0444  lines that ctl's limit takes
//	        maps      0400  proc_pid_maps(5)
//	        mem       0600  its memory, by address
//	        note      0600  reads as notes that it has not had yet; each write is a note, sent as a signal
//	        noteid    0444  its note group, the process group, as ppid
//	        notepg    0200  each write is a note for the note group
//	        ns        0400  its name space, in the form of namespace(6)
//	        ppid      0444  its parent's pid, 11 columns and a blank
//	        segment   0400  a line for each piece of its memory
//	        stat      0444  proc_pid_stat(5)
//	        status    0444  one record of 176 bytes, below
//	        syscall   0400  the system call that it waits in
//	        text      0400  the program that it runs
//	        wait      0444  blocks until it ends, then reads as its wait(2) line
//	    trace         0444  blocks until a process that is traced does something, and reads as that
//
// N is owned by the user that the process runs as, and its files by the user whom
// Linux lets at what is in it, which is root for a process that is not dumpable
// (prctl(2)). The server's own user may ask for all that the server itself may
// do, as Plan 9's eve; other users are held to the modes. What Linux refuses is
// "permission denied".
//
// Each file but mem, text, wait and trace is a snapshot made when it is opened. A process
// that has ended is "process exited", also where another one has its pid meanwhile. What
// a process has not, as a kernel thread has no program, is "the process has none".
//
// # Commands
//
//	close fd          have it close a descriptor
//	closefiles        have it close all of them
//	event             a line in trace, if it is traced
//	hang, nohang      stop it when it has next done an exec(2), and its children made meanwhile; or not
//	kill              SIGKILL
//	limit name value  set a limit, below
//	nice n            -20 to 19
//	noswap            have it keep its memory, mlockall(2)
//	pri n             Plan 9's priority, 0 to 19: 10 is nice 0
//	private           have its memory be root's to look at, until an exec(2); so are its children
//	start, stop       SIGCONT; SIGSTOP, and wait until it has stopped, or has ended
//	startstop         start, then waitstop
//	trace [0|1]       write of it, and of its children made meanwhile, to trace, or do not; or the other
//	waitstop          wait until it has stopped, or has ended
//	wired cpus        run on these processors only, such as 0,2-3
//
// Where the server acts for another user than its own, this one may raise no priority and
// no hard limit, and not use a control group.
//
// Close, closefiles, event, hang, noswap, private, startstop, trace and waitstop trace the
// process, ptrace(2), which one tracer at a time may: where a debugger is that already, they
// are "permission denied". What the process is had to do its limits hold for.
//
// # Limits
//
// The names of getrlimit(2), as nofile, with soft:hard or one value for both; cputime
// is RLIMIT_CPU. Cpu, as a percentage of one processor, memory and pids are the process's
// control group's (cgroup v2), which is one of its own from the first of these on; the
// children that it makes then are in it. A value is a number, with K, M, G or T, or unlimited.
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
// # Segment
//
// The columns are Plan 9's: type (Text, Data, Bss, Stack, Shared), R if it is not written,
// first and end address in hexadecimal, and a count of references, here 1.
//
// # Syscall
//
// A line "pid name pc = sp arguments", in hexadecimal; an empty one of a process that runs.
//
// # Note
//
// A note is srv.ParseNote's, and is read as srv.NoteText has it. Reading does not take it.
//
// # Ns
//
// A process in a name space of ninespace has its text in its own /#ns/ns, which is
// what is read, with its directory in a last line, cd; for another it is an error.
//
// # Near
//
// Noteid, ppid, stat and status are mere looks at the kernel, and the qids of processes and
// their files are the same in all trees of the same processes. So a client on this machine,
// with the same rights, need not ask the server for these: Near gives it a tree of its own.
//
// # Trace
//
// A line "seconds pid event" for each event since the open, of the processes of the
// user who opened it, for the server's own of all: fork pid, exec arguments, note
// text, stop, exit status, the last two words as wait has them, and event. Each open has all of them;
// of what it has not read 1024 wait, then the oldest go, and the next read is the
// error "N events lost", once.
//
// # Wait
//
// The line is "pid user system real status" (srv.ParseWaitMsg), in ms. The status is
// srv.StatusText's if the process could be asked before its parent reaped it, or if
// Linux keeps it (6.15), and else unknown.
package procfs

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// errExited is what is said of a process that is no more, errNone of one that has not
// what is asked for, as kernel threads have no program.
var (
	errExited = p9.NewError(syscall.ESRCH, "process exited")
	errNone   = p9.NewError(syscall.ENOENT, "the process has none")
)

// New makes the directory of all processes that /proc shows to this one.
func New() *FS { return newFS(rootPath(os.Getpid()), newKeeper()) }

func newFS(path uint64, k *keeper) *FS {
	return &FS{Node: srv.NewNode(fs.ModeDir | 0o555), path: path, groups: srv.GroupMount(), kept: k, tracers: map[proc]*tracer{},
		events: hub{Node: srv.NewNode(0o444)}}
}

// An FS is the served tree.
type FS struct {
	srv.Node
	path   uint64 // the root's
	groups string // where control groups are
	kept   *keeper
	events hub

	mu      sync.Mutex
	tracers map[proc]*tracer
}

// Close lets go of the descriptors that the tree keeps for processes.
func (r *FS) Close() { r.kept.close() }

// Stat tells of the root.
func (r *FS) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := r.Node.Stat(ctx)
	st.Qid.Path = r.path
	return st, err
}

// Inline marks that a walk does not block, and that a list says so.
func (r *FS) Inline() {}

// Walk finds a process.
func (r *FS) Walk(_ context.Context, name string) (srv.File, error) {
	if name == "trace" {
		return &r.events, nil
	}
	pid, err := strconv.Atoi(name)
	if err != nil || pid <= 0 || strconv.Itoa(pid) != name {
		return nil, p9.ErrNotExist
	}
	p, err := r.kept.find(pid)
	if err == syscall.EMFILE || err == syscall.ENFILE {
		return nil, err
	}
	if err != nil {
		return nil, p9.ErrNotExist
	}
	return &dir{r, p}, nil
}

// traceCookie is behind all processes.
const traceCookie = 1 << 32

// List gives the processes in the order of their pids, which are the cookies.
func (r *FS) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		if cookie >= traceCookie {
			return
		}
		if srv.Nonblock(ctx) { // there may be many
			yield(p9.Dirent{}, srv.ErrAgain)
			return
		}
		pids, err := pidsAfter(cookie)
		if err != nil {
			yield(p9.Dirent{}, p9.ErrorOf(err))
			return
		}
		for _, pid := range pids {
			id, err := r.kept.identify(pid, false)
			if err != nil {
				continue // gone since
			}
			q := proc{pid: pid, id: id}.qid(0, p9.QTDIR)
			if !yield(p9.Dirent{Qid: q, Cookie: uint64(pid), Mode: fs.ModeDir, Name: strconv.Itoa(pid)}, nil) {
				return
			}
		}
		if st, err := r.events.Stat(ctx); err == nil {
			yield(p9.Dirent{Qid: st.Qid, Cookie: traceCookie, Name: "trace"}, nil)
		}
	}
}
