package procfs

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
)

// The verbs of ctl that have a process stop, or traced.

// stop has the process stop, and waits until it has, or has ended. One that does not, as it is
// the system's, or is started by somebody else at once, is not waited for. An end of ctx is
// an end of waiting alone: who has itself stop is interrupted by just that, and were it told
// so it would ask again each time it is started.
func (f *file) stop(ctx context.Context, _ []string) error {
	if err := f.p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for left, wait := settling, 50*time.Microsecond; left > 0; wait = min(2*wait, 10*time.Millisecond) {
		st, err := f.p.stat()
		if err == errExited || err == nil && strings.IndexByte("TtZX", st.state) >= 0 {
			return nil
		}
		waiting := false
		if err == nil {
			waiting, err = f.p.hasPending(syscall.SIGSTOP)
		}
		if err != nil {
			return err
		}
		if !waiting { // it has the signal
			left -= wait
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// startstop starts the process and waits until it stops again.
func (f *file) startstop(ctx context.Context, args []string) error {
	if err := f.p.signal(syscall.SIGCONT); err != nil {
		return err
	}
	return f.waitstop(ctx, args)
}

func (f *file) trace(ctx context.Context, args []string) error {
	return f.traced(ctx, func(t *tracer) error {
		on := !t.events
		if len(args) > 0 {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return invalid("trace wants a number, not %s", srv.Quote(args[0]))
			}
			on = n != 0
		}
		t.events = on
		return nil
	})
}

// event writes of itself to trace, where the process is traced.
func (f *file) event(ctx context.Context, _ []string) error {
	return f.traced(ctx, func(t *tracer) error {
		if e := t.threads[f.p.pid]; e != nil {
			t.event(e, "event")
		}
		return nil
	})
}

func (f *file) hang(ctx context.Context, _ []string) error {
	return f.traced(ctx, func(t *tracer) error { t.hangs = true; return nil })
}

func (f *file) nohang(ctx context.Context, _ []string) error {
	return f.traced(ctx, func(t *tracer) error { t.hangs = false; return nil })
}

// waitstop waits until the process has stopped. It is asked once more when it is traced, so
// that no stop is missed.
func (f *file) waitstop(ctx context.Context, _ []string) error {
	has, err := f.p.hasStopped()
	if has || err != nil {
		return err
	}
	c := make(chan stopping, 1)
	var t *tracer
	err = f.traced(ctx, func(its *tracer) error {
		t = its
		has, err := f.p.hasStopped()
		if has || err != nil {
			c <- stopping{err, !t.events && !t.hangs}
			return nil
		}
		t.stopped[c] = true
		return nil
	})
	if err == errExited { // which is an end of waiting as well
		return nil
	}
	if err != nil {
		return err
	}
	var s stopping
	select {
	case s = <-c:
	case <-ctx.Done():
		f.traced(context.WithoutCancel(ctx), func(t *tracer) error { delete(t.stopped, c); return nil })
		return ctx.Err()
	}
	if s.err == errExited {
		return nil
	}
	if s.err == nil && s.end {
		select {
		case <-t.done:
		case <-time.After(settling): // somebody else wants it now
		case <-ctx.Done():
		}
		f.p.settle(ctx)
	}
	return s.err
}

func (p proc) hasStopped() (bool, error) {
	st, err := p.stat()
	return st.state == 'T' || st.state == 't', err
}

// settling is how long a process may take to be where it was.
const settling = time.Second

// settle waits until a process that was let go where it had stopped is there again, which it
// is after some steps of its own, unless somebody has started it.
func (p proc) settle(ctx context.Context) {
	for range settling / time.Millisecond {
		if has, err := p.hasStopped(); has || err != nil || ctx.Err() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
