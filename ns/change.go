package ns

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"ninespace/srv/p9"
)

// Apply does one line in the group: bind, mount, unmount or clear. pid is the
// thread that asks, 0 for none: kernel mounts are made where it is. An error
// leaves all as it was. What the names lead to is looked up before any lock is
// taken: a server on their way may take its time, in which others go on.
func (g *Group) Apply(ctx context.Context, op Op, pid int) (err error) {
	var to *Chan
	if (op.Verb == "mount" || op.Verb == "clear") && g.pg.denied() {
		return fmt.Errorf("%s: %w", op, ErrNoMount)
	}
	if op.Verb == "mount" {
		if to, err = g.dial(ctx, op); err != nil {
			return err
		}
		defer to.close()
	}
	asked := ctx
	ctx, cancel := bounded(ctx)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil && asked.Err() == nil {
			err = fmt.Errorf("%s: %w", op, p9.ErrorOfErrno(syscall.ETIMEDOUT))
		}
	}()
	switch op.Verb {
	case "bind":
		err = g.bind(ctx, op, pid)
	case "mount":
		err = g.mount(ctx, op, to, pid)
	case "unmount":
		err = g.unmount(ctx, op, pid)
	case "clear":
		err = g.clear(pid)
	default:
		err = fmt.Errorf("%q: unknown operation", op.Verb)
	}
	return err
}

// changed tells the kernel of a change.
func (g *Group) changed(at *Chan) {
	if g.eng.kernel != nil {
		g.eng.kernel.changed(g, at)
	}
}

func (g *Group) bind(ctx context.Context, op Op, pid int) error {
	what := "bind " + op.New + " " + op.Old
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	defer old.close()
	new, err := g.lookup(ctx, op.New, false)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer new.close()
	to, umh := new.hold(), g.mounted(new)
	defer umh.close()
	via := new.via
	if umh != nil {
		to.close()
		to = umh.mount[0].to.hold()
		for _, m := range umh.mount {
			if !m.base {
				via = append(via, m.id)
			}
		}
	}
	defer to.close()
	if err := g.join(ctx, Mount{to: to, name: new.name, via: via, flag: op.Flag}, umh, old, pid); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if k, ok := to.file.(*kept); ok && op.Flag&MCACHE != 0 {
		k.declare()
	}
	return nil
}

func (g *Group) mount(ctx context.Context, op Op, to *Chan, pid int) error {
	what := "mount " + op.Old
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	defer old.close()
	if err := g.join(ctx, Mount{to: to, name: to.dev.name, spec: op.Spec, auth: op.Auth, srv: true, flag: op.Flag}, nil, old, pid); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// mountPoint says that a missing name is a missing mount point.
func mountPoint(err error) error {
	if errors.Is(err, p9.ErrNotExist) {
		return fmt.Errorf("mount point not there: %w", err)
	}
	return err
}

// join mounts, and takes it back where the kernel cannot follow.
func (g *Group) join(ctx context.Context, nm Mount, umh *Mhead, old place, pid int) error {
	if old.key() == g.root.key() && nm.flag&order == MREPL {
		return errRoot
	}
	if old.dev == g.eng.own {
		return p9.NewError(syscall.EBUSY, "nothing can be mounted on "+ownSpec)
	}
	nm.on = spot{old.name, old.via}
	if err := g.lockAt(ctx, old.Chan); err != nil {
		return err
	}
	defer g.change.Unlock()
	k, was, err := g.pg.mountOn(nm, umh, old.Chan)
	if err != nil {
		return err
	}
	return g.commit(k, old.Chan, was, pid)
}

// lockAt locks g.change when no name at a place is to be forgotten any more, with which the kernel
// would undo what is mounted there: a request may hold that up which a server does not answer.
func (g *Group) lockAt(ctx context.Context, at *Chan) error {
	for {
		g.change.Lock()
		if g.eng.kernel == nil {
			return nil
		}
		late := g.eng.kernel.forgetting(g, at)
		if late == nil {
			return nil
		}
		g.change.Unlock()
		end, cancel := context.WithTimeout(ctx, flushPatience)
		select {
		case <-late:
		case <-end.Done():
			cancel()
			return fmt.Errorf("what was unmounted here is still in use: %w", p9.ErrorOfErrno(syscall.EBUSY))
		}
		cancel()
	}
}

// free tells whether no mount that others than the engine have made at a place, or only beneath
// it, would go.
func (g *Group) free(at *Chan, beneath bool, pid int) error {
	if g.eng.kernel == nil {
		return nil
	}
	if name := g.eng.kernel.over(g, pid, at, beneath); name != "" {
		return fmt.Errorf("%s: mounted by Linux's own mount: %w", name, p9.ErrorOfErrno(syscall.EBUSY))
	}
	return nil
}

// commit makes the kernel's mounts follow a change of what is mounted on a file,
// or undoes it. g.change is locked.
func (g *Group) commit(k key, at *Chan, was *Mhead, pid int) error {
	var err error
	if g.pg.loses(k, was) {
		err = g.free(at, was == nil, pid)
	}
	if err == nil {
		err = g.place(pid, k, was)
	}
	if err != nil {
		g.pg.restore(k, was)
		return err
	}
	g.changed(at)
	g.unshow(was)
	was.close()
	return nil
}

func (g *Group) unmount(ctx context.Context, op Op, pid int) error {
	what := "unmount " + op.Old
	old, err := g.lookup(ctx, op.Old, false)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer old.close()
	var is func(*Mount) bool
	if op.New != "" {
		what = "unmount " + op.New + " " + op.Old
		is = func(m *Mount) bool {
			return m.srv && m.name == serverName(op.New) || m.name == op.New && m.name[0] == '#'
		}
		if new, err := g.lookup(ctx, op.New, false); err == nil {
			defer new.close()
			k, bySrv := new.key(), is
			if h := g.mounted(new); h != nil {
				k = h.mount[0].to.key()
				h.close()
			}
			is = func(m *Mount) bool { return m.to.key() == k || bySrv(m) }
		}
	}
	g.change.Lock()
	defer g.change.Unlock()
	k, was, err := g.pg.unmount(is, old.Chan)
	if err == nil {
		err = g.commit(k, old.Chan, was, pid)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// clear gives the group the name space that it would start with.
func (g *Group) clear(pid int) error {
	g.change.Lock()
	defer g.change.Unlock()
	was, undo, drop := g.pg.clean()
	err := g.free(g.root, false, pid)
	if err == nil {
		err = g.placeAll(pid)
	}
	if err != nil {
		undo()
		return fmt.Errorf("clear: %w", err)
	}
	g.changed(nil)
	for _, h := range was {
		g.unshow(h)
	}
	drop()
	return nil
}

// unshow tells the kernel of servers that were mounted at a place, and are nowhere now.
func (g *Group) unshow(was *Mhead) {
	if g.eng.kernel == nil {
		return
	}
	if devs := was.hidden(g.pg); len(devs) > 0 {
		g.eng.kernel.hidden(g, devs)
	}
}
