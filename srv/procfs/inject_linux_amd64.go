package procfs

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// inject has the process itself do a system call of up to three arguments: its first thread
// is stopped, does the call, and goes on with what it did.
func (f *file) inject(ctx context.Context, number uint64, args ...uint64) error {
	return f.traced(ctx, func(t *tracer) error {
		// Once the thread is stopped: an exec may have made the process another's before.
		may := func() error {
			if err := f.allowed(ctx, p9.OWRITE); err != nil {
				return err
			}
			return f.p.check()
		}
		n, err := t.call(ctx, may, number, args)
		if err == nil && n < 0 && n > -4096 {
			err = syscall.Errno(-n)
		}
		return err
	})
}

// call has the process's first thread do a system call, if that may be done to what it has become.
func (t *tracer) call(ctx context.Context, may func() error, number uint64, args []uint64) (result int64, err error) {
	tid := t.p.pid
	if err := unix.PtraceInterrupt(tid); err != nil {
		return 0, t.p.cause(err)
	}
	ws, err := t.halt(ctx, tid, func(ws unix.WaitStatus) bool { return uint32(ws)>>16 == unix.PTRACE_EVENT_STOP })
	if err != nil {
		return 0, err
	}
	defer func() {
		if err == errExited {
			return // what has its number has gone on already
		}
		if ws.StopSignal() != unix.SIGTRAP { // it was stopped before: it has to be told again
			unix.PtraceInterrupt(tid)
		}
		ptrace(unix.PTRACE_CONT, tid, 0, 0)
	}()
	if err := may(); err != nil {
		return 0, err
	}
	at, err := t.p.callAddress()
	if err != nil {
		return 0, err
	}
	var old unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &old); err != nil {
		return 0, t.p.cause(err)
	}
	const user64 = 0x33 // the code segment of a 64-bit program
	if old.Cs != user64 {
		return 0, p9.NewError(syscall.EOPNOTSUPP, "not a 64-bit program")
	}
	return t.step(ctx, tid, old, at, number, args)
}

// put gives the first thread registers. An exec by another thread ends it, and gives that its tid:
// what then has these registers may be another's program, and does not go on.
func (t *tracer) put(tid int, regs *unix.PtraceRegs) error {
	if err := unix.PtraceSetRegs(tid, regs); err != nil {
		return err
	}
	var ws unix.WaitStatus
	if n, _ := unix.Wait4(tid, &ws, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil); n != tid {
		return nil // it is the one that was stopped
	}
	unix.Kill(tid, unix.SIGKILL)
	t.came(tid, ws)
	return errExited
}

// step does one instruction, a system call. With another call's number out of the way
// Linux does not take up again the one that was interrupted, until the registers are the
// old ones.
func (t *tracer) step(ctx context.Context, tid int, old unix.PtraceRegs, at, number uint64, args []uint64) (int64, error) {
	regs := old
	regs.Rip, regs.Rax, regs.Orig_rax = at, number, ^uint64(0)
	for i, to := range []*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx}[:len(args)] {
		*to = args[i]
	}
	if err := t.put(tid, &regs); err != nil {
		return 0, t.p.cause(err)
	}
	var late []unix.Signal // what came meanwhile
	var err error
	for err = unix.PtraceSingleStep(tid); err == nil; err = unix.PtraceSingleStep(tid) {
		var ws unix.WaitStatus
		if ws, err = t.halt(context.WithoutCancel(ctx), tid, func(unix.WaitStatus) bool { return true }); err != nil {
			return 0, err
		}
		if uint32(ws)>>16 == unix.PTRACE_EVENT_EXEC { // of another thread: it is no more
			t.came(tid, ws)
			return 0, errExited
		}
		if uint32(ws)>>16 == 0 && ws.StopSignal() == unix.SIGTRAP {
			break
		}
		if uint32(ws)>>16 == 0 {
			late = append(late, ws.StopSignal())
		}
	}
	if err == nil {
		err = unix.PtraceGetRegs(tid, &regs)
	}
	if serr := t.put(tid, &old); err == nil {
		err = serr
	}
	for _, sig := range late {
		unix.Tgkill(tid, tid, sig)
	}
	return int64(regs.Rax), t.p.cause(err)
}

// halt waits until a thread stops as is wanted; other stops are none of ours.
func (t *tracer) halt(ctx context.Context, tid int, wanted func(unix.WaitStatus) bool) (unix.WaitStatus, error) {
	for {
		var ws unix.WaitStatus
		n, err := unix.Wait4(tid, &ws, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, errExited
		case n == 0:
			select {
			case <-t.signals:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		case ws.Stopped() && wanted(ws):
			return ws, nil
		default:
			t.came(tid, ws)
			if !ws.Stopped() {
				return 0, errExited
			}
		}
	}
}

// callAddress finds an instruction that is a system call in what Linux itself maps into
// each program, vdso(7).
func (p proc) callAddress() (uint64, error) {
	none := p9.NewError(syscall.EOPNOTSUPP, "no vdso to make calls from")
	maps, err := p.maps()
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(maps) {
		if !strings.HasSuffix(l, "[vdso]\n") {
			continue
		}
		low, rest, _ := strings.Cut(l, "-")
		high, _, _ := strings.Cut(rest, " ")
		a, aerr := strconv.ParseUint(low, 16, 64)
		b, berr := strconv.ParseUint(high, 16, 64)
		if aerr != nil || berr != nil || b <= a || b-a > 1<<20 {
			return 0, none
		}
		h, err := (&fileHandle{p: p}).open("/mem", unix.O_RDONLY)
		if err != nil {
			return 0, err
		}
		defer h.Clunk()
		code := make([]byte, b-a)
		n, _ := unix.Pread(h.fd, code, int64(a))
		if i := bytes.Index(code[:max(n, 0)], []byte{0x0f, 0x05}); i >= 0 {
			return a + uint64(i), nil
		}
	}
	return 0, none
}
