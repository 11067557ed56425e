package procfs

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/osthread"
)

// A tracer is a thread that traces a process, ptrace(2), and the children that this makes
// meanwhile, as long as somebody wants that: for trace, hang, waitstop, close. Only it may
// ask Linux about them. Its end, even by a crash, lets them go on untraced.
type tracer struct {
	r       *FS
	p       proc
	reqs    chan request
	done    chan struct{} // closed at the end
	signals chan os.Signal
	err     error                   // why it does not trace
	threads map[int]*tracee         // by tid
	early   map[int]unix.WaitStatus // children that have come ahead of the word from their parents

	events, hangs bool
	stopped       map[chan stopping]bool // who wait for p to stop
	ending        bool                   // each thread is let go as it stops
}

// A tracee is a thread that is traced.
type tracee struct {
	tgid int
	uid  uint32
}

// A request is done by the tracer.
type request struct {
	do  func() error
	err chan error
}

// traced has a tracer of the process do something.
func (f *file) traced(ctx context.Context, do func(*tracer) error) error {
	for {
		t := f.r.tracer(f.p)
		q := request{func() error { return do(t) }, make(chan error, 1)}
		select {
		case t.reqs <- q:
			return <-q.err
		case <-t.done: // meanwhile; there is another one now
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tracer gives the one that a process has, or else a new one.
func (r *FS) tracer(p proc) *tracer {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tracers[p]
	if t == nil {
		t = &tracer{r: r, p: p, reqs: make(chan request), done: make(chan struct{}), signals: make(chan os.Signal, 1),
			threads: map[int]*tracee{}, early: map[int]unix.WaitStatus{}, stopped: map[chan stopping]bool{}}
		r.tracers[p] = t
		osthread.Go(t.run)
	}
	return t
}

// run traces until nobody wants it, on a thread that ends with it.
func (t *tracer) run() {
	signal.Notify(t.signals, unix.SIGCHLD) // a thread that is traced has stopped
	defer signal.Stop(t.signals)
	defer t.end()
	t.err = t.attach()
	for {
		select {
		case q := <-t.reqs:
			if t.ending { // not yet, then
				t.ending = false
				t.err = t.attach()
			}
			if t.err != nil {
				q.err <- t.err
			} else {
				q.err <- q.do()
			}
		case <-t.signals:
		}
		t.reap()
		if !t.ending && (t.err != nil || !t.events && !t.hangs && len(t.stopped) == 0) {
			t.ending = true
			for tid := range t.threads {
				unix.PtraceInterrupt(tid)
			}
		}
		if len(t.threads) == 0 {
			return
		}
	}
}

// end tells who waits that the process has ended.
func (t *tracer) end() {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	for p, other := range t.r.tracers {
		if other == t {
			delete(t.r.tracers, p)
		}
	}
	t.tell(errExited)
	close(t.done)
}

// A stopping is what waitstop waited for.
type stopping struct {
	err error
	end bool // of the tracer as well
}

func (t *tracer) tell(err error) {
	for c := range t.stopped {
		c <- stopping{err, !t.events && !t.hangs}
		delete(t.stopped, c)
	}
}

const traceOptions = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC

func ptrace(request, pid int, addr, data uintptr) error {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, data, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// attach begins to trace each thread, and those that these make meanwhile.
func (t *tracer) attach() error {
	for more := true; more; {
		more = false
		tasks, err := os.ReadDir(t.p.path("/task"))
		if err != nil {
			return t.p.cause(err)
		}
		for _, task := range tasks {
			tid, _ := strconv.Atoi(task.Name())
			if t.threads[tid] != nil {
				continue
			}
			switch err := ptrace(unix.PTRACE_SEIZE, tid, 0, traceOptions); {
			case err == nil:
				more = true
				t.add(tid)
			case tid == t.p.pid:
				if st, serr := t.p.stat(); serr == nil && st.exiting { // EPERM would be said of it
					return errExited
				}
				return t.p.cause(err)
			} // another has ended, or is of a thread that is traced since
		}
	}
	return t.p.check()
}

func (t *tracer) add(tid int) {
	e := &tracee{tgid: tid}
	var st unix.Stat_t
	dir := "/proc/" + strconv.Itoa(tid)
	if unix.Stat(dir+"/fd", &st) == nil {
		e.uid = st.Uid
	}
	b, _ := os.ReadFile(dir + "/status")
	if _, rest, ok := strings.Cut(string(b), "\nTgid:"); ok {
		if f := strings.Fields(rest); len(f) > 0 {
			e.tgid, _ = strconv.Atoi(f[0])
		}
	}
	t.threads[tid] = e
	if p, err := t.r.kept.find(tid); e.tgid == tid && tid != t.p.pid && err == nil {
		t.r.mu.Lock()
		defer t.r.mu.Unlock()
		t.r.tracers[p] = t
	}
}

// reap takes what the threads have come to, until there is nothing more.
func (t *tracer) reap() {
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || tid <= 0 {
			return
		}
		t.came(tid, ws)
	}
}

func (t *tracer) event(e *tracee, text string) {
	if t.events {
		t.r.events.event(e.tgid, e.uid, text)
	}
}

// resume has a thread go on from where it stopped, for good if that is the end.
func (t *tracer) resume(tid, request int, sig unix.Signal) {
	if t.ending {
		request = unix.PTRACE_DETACH
		delete(t.threads, tid)
	}
	ptrace(request, tid, 0, uintptr(sig))
}

// born knows of a thread from now on.
func (t *tracer) born(tid int) {
	if t.threads[tid] == nil {
		t.add(tid)
	}
	if ws, ok := t.early[tid]; ok {
		delete(t.early, tid)
		t.came(tid, ws)
	}
}

// came has a thread go on from where it stopped, or forgets it.
func (t *tracer) came(tid int, ws unix.WaitStatus) {
	e := t.threads[tid]
	if e == nil {
		t.early[tid] = ws // it stays stopped, so that its fork is told first
		return
	}
	if !ws.Stopped() {
		delete(t.threads, tid)
		if tid == e.tgid {
			t.event(e, "exit "+srv.Quote(srv.StatusText(syscall.WaitStatus(ws))))
		}
		for child := range t.early { // it may have been killed before its word
			t.born(child)
		}
		return
	}
	sig := ws.StopSignal()
	switch uint32(ws) >> 16 {
	case 0: // a signal is to be delivered
		t.event(e, "note "+srv.Quote(srv.NoteText(sig)))
		t.resume(tid, unix.PTRACE_CONT, sig)
		return
	case unix.PTRACE_EVENT_STOP:
		if sig != unix.SIGTRAP { // the whole process has stopped
			if tid == e.tgid {
				t.event(e, "stop")
			}
			if e.tgid == t.p.pid {
				t.tell(nil)
			}
			t.resume(tid, unix.PTRACE_LISTEN, 0)
			return
		}
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
		child, err := unix.PtraceGetEventMsg(tid)
		if err != nil {
			break // killed meanwhile
		}
		if uint32(ws)>>16 != unix.PTRACE_EVENT_CLONE {
			t.event(e, fmt.Sprintf("fork %d", child))
		}
		t.born(int(child))
	case unix.PTRACE_EVENT_EXEC:
		if old, err := unix.PtraceGetEventMsg(tid); err == nil && int(old) != tid {
			delete(t.threads, int(old)) // it has its process's number now
		}
		t.add(tid) // with another owner, it may be
		e = t.threads[tid]
		if t.events {
			args, _ := proc{pid: tid, k: t.r.kept}.args()
			t.event(e, "exec "+args)
		}
		if t.hangs {
			unix.Tgkill(e.tgid, tid, unix.SIGSTOP)
		}
	}
	t.resume(tid, unix.PTRACE_CONT, 0)
}
