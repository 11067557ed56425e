package procfs

import (
	"context"
	"strconv"

	"ninespace/srv"
)

// The verbs of ctl that have a process traced.

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

func (f *file) hang(ctx context.Context, _ []string) error {
	return f.traced(ctx, func(t *tracer) error { t.hangs = true; return nil })
}

func (f *file) nohang(ctx context.Context, _ []string) error {
	return f.traced(ctx, func(t *tracer) error { t.hangs = false; return nil })
}

// waitstop waits until the process has stopped. It is asked once it is traced, so that no
// stop is missed.
func (f *file) waitstop(ctx context.Context, _ []string) error {
	c := make(chan error, 1)
	err := f.traced(ctx, func(t *tracer) error {
		st, err := f.p.stat()
		if err == nil && st.state != 'T' && st.state != 't' {
			t.stopped[c] = true
			return nil
		}
		c <- err
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err = <-c:
	case <-ctx.Done():
		f.traced(context.WithoutCancel(ctx), func(t *tracer) error { delete(t.stopped, c); return nil })
		return ctx.Err()
	}
	if err == errExited { // which is an end of waiting as well
		return nil
	}
	return err
}
