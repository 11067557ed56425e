package rc

import (
	"bytes"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/rc"
)

// notes are the signals that the script has functions for.
type notes struct {
	mu     sync.Mutex
	r      *rc.Runner
	c      chan os.Signal
	wanted uint64        // those, by bit
	passed chan struct{} // the marker has come through c
	gos    [8]sigaction  // Go's for those of deadly
}

// A sigaction is sigaction(2)'s structure: its handler, and the rest as the kernel has it.
type sigaction struct {
	handler uintptr
	rest    [3]uintptr
}

// deadly gives the signals of which Go makes nothing, or a report of its own, where they end
// any other program, and those by which it ends as soon as the thread that has them runs: another
// one may begin the next command before.
func deadly() [8]syscall.Signal {
	return [...]syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGALRM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGXCPU}
}

// marker is the signal that settle sends after the others. Go gives what it has by number,
// lower ones first: this one is above all that rc has names for.
const marker = unix.SIGPWR

func newNotes() *notes {
	n := &notes{}
	for i, sig := range deadly() {
		act(sig, nil, &n.gos[i])
		n.toGo(sig, false)
	}
	return n
}

// act is sigaction(2).
func act(sig syscall.Signal, now, before *sigaction) {
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(now)), uintptr(unsafe.Pointer(before)),
		unsafe.Sizeof(uint64(0)), 0, 0)
}

// ignored is the handler of what nohup(1) or who started us has us ignore.
const ignored = 1

// toGo gives a signal to Go, which Notify counts on, or takes it away.
func (n *notes) toGo(sig syscall.Signal, wanted bool) {
	for i, s := range deadly() {
		if s != sig {
			continue
		}
		var to sigaction // the standard one
		if wanted || n.gos[i].handler == ignored {
			to = n.gos[i]
		}
		act(sig, &to, nil)
	}
}

// to has the notes told to an interpreter. For one that a person types to, those of the
// keyboard end what it runs and not it.
func (n *notes) to(r *rc.Runner, interactive bool) {
	n.r = r
	if interactive {
		n.catch("sigint", true)
		n.catch("sigquit", true)
		n.catch("sigterm", true)
	}
}

// signals are those that rc has a name for. It is no map: that would be made at the start
// of every command.
var signals = [...]struct {
	name string
	sig  syscall.Signal
}{
	{"sighup", syscall.SIGHUP}, {"sigint", syscall.SIGINT}, {"sigquit", syscall.SIGQUIT}, {"sigterm", syscall.SIGTERM},
	{"sigalrm", syscall.SIGALRM}, {"sigfpe", syscall.SIGFPE}, {"sigusr1", syscall.SIGUSR1}, {"sigusr2", syscall.SIGUSR2},
	{"sigpipe", syscall.SIGPIPE}, {"sigchld", syscall.SIGCHLD}, {"sigcont", syscall.SIGCONT},
	{"sigwinch", syscall.SIGWINCH}, {"sigtstp", syscall.SIGTSTP},
}

// signalOf gives the signal of a note, 0 if there is none that can be caught.
func signalOf(note string) syscall.Signal {
	for _, s := range signals {
		if s.name == note {
			return s.sig
		}
	}
	return 0
}

// catch is the interpreter's hook.
func (n *notes) catch(name string, wanted bool) {
	sig := signalOf(name)
	if sig == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	bit := uint64(1) << (sig - 1)
	if !wanted {
		n.toGo(sig, false)
		signal.Reset(sig)
		n.wanted &^= bit
		return
	}
	if n.c == nil {
		n.c, n.passed = make(chan os.Signal, 16), make(chan struct{}, 1)
		signal.Notify(n.c, marker)
		go n.tell()
	}
	n.wanted |= bit
	n.toGo(sig, true)
	signal.Notify(n.c, sig)
}

func (n *notes) tell() {
	for c := range n.c {
		if c == marker {
			select {
			case n.passed <- struct{}{}:
			default:
			}
			continue
		}
		n.note(c.(syscall.Signal))
	}
}

func (n *notes) note(sig syscall.Signal) {
	for _, s := range signals {
		if s.sig == sig {
			n.r.Note(s.name)
		}
	}
}

// settle is the interpreter's hook. A signal to the process is on one of three ways: no
// thread has taken it yet, then this one does; a thread has and is not through with its
// handler, then that thread runs; or it is in Go's hands, on its way to tell. A marker
// that such a thread has to handle, and one more, come behind what is on the last two.
func (n *notes) settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wanted == 0 {
		return
	}
	runtime.LockOSThread() // what the thread that looks has taken it has handled
	n.take()
	self := unix.Gettid()
	others := running(self)
	runtime.UnlockOSThread()
	for _, tid := range others {
		n.mark(func() int { return tid })
	}
	n.mark(unix.Gettid)
}

// take tells of the signals that no thread has taken.
func (n *notes) take() {
	set, none := n.wanted, unix.Timespec{}
	for {
		sig, _, errno := unix.Syscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0,
			uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(set), 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return
		}
		n.note(syscall.Signal(sig))
	}
}

// mark has a thread handle the marker, and waits until that has come through. It is no
// thread that sleeps: its system call would be interrupted.
func (n *notes) mark(thread func() int) {
	const patience = time.Second // it may wait for a server by now
	select {
	case <-n.passed:
	default:
	}
	runtime.LockOSThread()
	err := unix.Tgkill(os.Getpid(), thread(), marker)
	runtime.UnlockOSThread()
	if err != nil {
		return // it has ended
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-n.passed:
	case <-t.C:
	}
}

// running gives the threads of the process that run, but for one.
func running(self int) (tids []int) {
	const dir = "/proc/self/task/"
	all, _ := os.ReadDir(dir)
	for _, e := range all {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == self {
			continue
		}
		stat, _ := os.ReadFile(dir + e.Name() + "/stat")
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && bytes.HasPrefix(stat[i:], []byte(") R")) {
			tids = append(tids, tid)
		}
	}
	return tids
}
