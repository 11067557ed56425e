package ipcfs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func invalid(text string) error { return p9.NewError(syscall.EINVAL, text) }

func badNumber(what, s string) error { return invalid(fmt.Sprintf("bad %s %s", what, srv.Quote(s))) }

// number reads a number up to most.
func number(what, s string, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return 0, badNumber(what, s)
	}
	if n > most {
		return 0, invalid(fmt.Sprintf("%s %s is more than %d", what, s, most))
	}
	return n, nil
}

// A command is one of a ctl file, with as many arguments as it says.
type command struct {
	name, args string // args is for the usage
	min, max   int
	do         func(ctx context.Context, args []string) error
}

// commands makes the table of a ctl file, which checks how many arguments there are.
func commands(list ...command) map[string]func(context.Context, []string) error {
	m := map[string]func(context.Context, []string) error{}
	for _, c := range list {
		m[c.name] = func(ctx context.Context, args []string) error {
			if len(args) < c.min || len(args) > c.max {
				return invalid(strings.TrimSpace("usage: " + c.name + " " + c.args))
			}
			return c.do(ctx, args)
		}
	}
	return m
}

// newCtl makes the root's ctl.
func (f *FS) newCtl() srv.File {
	return srv.Cmds(0o666, func(context.Context) (string, error) {
		var b strings.Builder
		for _, s := range f.shelves {
			for _, o := range s.all() {
				fmt.Fprintln(&b, o.line())
			}
		}
		return b.String(), nil
	}, commands(
		command{"close", "queue", 1, 1, f.ctlClose},
		command{"event", "name [backlog]", 1, 2, f.ctlEvent},
		command{"mutex", "name", 1, 1, func(ctx context.Context, args []string) error {
			_, err := f.obtain(ctx, "mutex", args[0])
			return err
		}},
		command{"queue", "name [depth] [work] [nonblock]", 1, 4, f.ctlQueue},
		command{"segment", "name length", 2, 2, f.ctlSegment},
		command{"sem", "name [value]", 1, 2, f.ctlSem},
	))
}

// obtain gives an object of who asks, or makes it.
func (f *FS) obtain(ctx context.Context, kind, name string) (object, error) {
	i := slices.IndexFunc(f.shelves, func(s *shelf) bool { return s.name == kind })
	perm := p9.FileMode(0o666)
	if f.shelves[i].dirs {
		perm = 0o777
	}
	o, made, err := f.shelves[i].obtain(ctx, name, perm)
	if err == nil && !made {
		err = o.base().mine(ctx)
	}
	return o, err
}

func (f *FS) ctlQueue(ctx context.Context, args []string) error {
	depth, work, nonblock := uint64(queueDepth), false, false
	for i, a := range args[1:] {
		switch {
		case a == "work":
			work = true
		case a == "nonblock":
			nonblock = true
		case i == 0:
			var err error
			if depth, err = number("depth", a, maxDepth); err != nil {
				return err
			}
			if depth == 0 {
				return invalid("a depth of 0 holds no message")
			}
		default:
			return invalid(srv.Quote(a) + " is neither work nor nonblock")
		}
	}
	o, err := f.obtain(ctx, "q", args[0])
	if err != nil {
		return err
	}
	o.(*queue).set(int(depth), work, nonblock)
	return nil
}

func (f *FS) ctlClose(ctx context.Context, args []string) error {
	file, err := f.queues.Walk(ctx, args[0])
	if err != nil {
		return err
	}
	q := file.(*queue)
	if err := q.mine(ctx); err != nil {
		return err
	}
	q.end(p9.ErrHungup)
	return nil
}

func (f *FS) ctlSem(ctx context.Context, args []string) error {
	n := uint64(0)
	if len(args) > 1 {
		var err error
		if n, err = number("value", args[1], maxSem); err != nil {
			return err
		}
	}
	o, err := f.obtain(ctx, "sem", args[0])
	if err != nil {
		return err
	}
	o.(*sem).set(n)
	return nil
}

func (f *FS) ctlEvent(ctx context.Context, args []string) error {
	n := uint64(eventDepth)
	if len(args) > 1 {
		var err error
		if n, err = number("backlog", args[1], maxDepth); err != nil {
			return err
		}
		if n == 0 {
			return invalid("a backlog of 0 holds no message")
		}
	}
	o, err := f.obtain(ctx, "event", args[0])
	if err != nil {
		return err
	}
	o.(*event).resize(int(n))
	return nil
}

func (f *FS) ctlSegment(ctx context.Context, args []string) error {
	n, err := number("length", args[1], maxSegment)
	if err != nil {
		return err
	}
	o, err := f.obtain(ctx, "segment", args[0])
	if err != nil {
		return err
	}
	return o.(*segment).allocate(0, n)
}
