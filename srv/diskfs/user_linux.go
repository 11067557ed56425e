package diskfs

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Linux keeps the user, the groups and the capabilities of each thread by
// itself; the C library and package syscall hide that, the bare calls do not.
// So a goroutine that is locked to its thread becomes the user who asks for the
// length of one call. It is the effective user that changes, and not only
// setfsuid(2)'s: with it all capabilities go, those too which let root exceed a
// quota, give a file capabilities of its own or set "trusted." attributes.

// A user is what the kernel checks permissions of.
type user struct {
	uid, gid uint32
	groups   []uint32
}

// nobody acts for those whom the machine does not know, as none does on Plan 9.
const nobody = 65534

// process gives the user that the process runs as, and whether a thread of it
// can become another and then itself again.
func process() (u user, free bool) {
	u = user{uid: uint32(unix.Geteuid()), gid: uint32(unix.Getegid())}
	real, effective, saved := unix.Getresuid()
	free = effective == 0 && (real == 0 || saved == 0)
	l, _ := unix.Getgroups()
	for _, g := range l {
		u.groups = append(u.groups, uint32(g))
	}
	return u, free
}

// Attach gives the tree to the user who asks: see PerUser.
func (r *root) Attach(ctx context.Context, aname string) (srv.File, error) {
	if aname != "" && aname != "/" {
		return nil, p9.NewError(unix.ENOENT, "no such tree: "+aname)
	}
	u := srv.UserOf(ctx)
	if !r.t.perUser || u == nil || u.Uid == r.t.me.uid {
		return r, nil
	}
	if !r.t.free {
		me := srv.NewUser("", r.t.me.uid)
		return nil, fmt.Errorf("attach as %s: the server acts as %s only: %w", u.Name, me.Name, p9.ErrPerm)
	}
	as := &user{u.Uid, u.Gid, u.Groups()}
	if as.uid == p9.NoUid {
		*as = user{uid: nobody, gid: nobody}
	}
	if as.gid == p9.NoUid {
		as.gid = nobody
	}
	r.t.me.share(as)
	if err := r.t.with(as, unprivileged); err != nil {
		return nil, fmt.Errorf("attach as %s: become uid %d: %w", u.Name, as.uid, err)
	}
	writer := r.t.me
	writer.uid = as.uid
	b := &branch{node: &node{t: &tree{r.t.export, as, &writer}, fd: r.fd}}
	b.dev.Store(r.dev.Load())
	b.kind.Store(unix.S_IFDIR)
	return b, nil
}

// share gives a user the groups of me, where these are all that it has but its
// own, so that they need not be changed each time.
func (me *user) share(u *user) {
	for _, g := range me.groups {
		if g != u.gid && !slices.Contains(u.groups, g) {
			return
		}
	}
	for _, g := range u.groups {
		if g != u.gid && !slices.Contains(me.groups, g) {
			return
		}
	}
	u.groups = me.groups
}

// unprivileged makes sure that the thread has lost root's power with its user,
// which capabilities(7) has switches for.
func unprivileged() error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		return err
	}
	if d[0].Effective|d[1].Effective != 0 {
		return p9.NewError(unix.EPERM, "capabilities stay")
	}
	return nil
}

// do calls f, which may wait in the kernel, with the authority of the tree's user. What
// else f does must be short: the thread is lent to it. Within f there is no other do.
func (t *tree) do(ctx context.Context, f func() error) error {
	return srv.InKernel(ctx, func() error { return t.here(f) })
}

// here is do on a thread that may wait in the kernel already, or for what does not wait.
func (t *tree) here(f func() error) error { return t.be(t.as, f) }

// be calls f as user u, or as the process where that is nil.
func (t *tree) be(u *user, f func() error) error {
	if u == nil {
		return f()
	}
	return t.with(u, f)
}

// doMake is here for what makes a file, in the group that the request asks for
// where the tree's user is in it, or is root, and the process can have it. Where
// not, the group is the user's own, or what the directory says.
func (t *tree) doMake(ctx context.Context, f func() error) error {
	g := srv.GroupOf(ctx)
	u := t.as
	if u == nil {
		u = &t.me
	}
	if !t.free || g == p9.NoUid || g == u.gid || u.uid != 0 && !slices.Contains(u.groups, g) {
		return t.here(f)
	}
	tried := false
	err := t.with(&user{u.uid, g, append(slices.Clone(u.groups), u.gid)}, func() error {
		tried = true
		return f()
	})
	if !tried { // the process's user namespace lacks the group
		return t.here(f)
	}
	return err
}

// with calls f as user u, on a thread that runs nothing else meanwhile.
func (x *export) with(u *user, f func() error) error {
	runtime.LockOSThread()
	signal := deathSignal()
	steps, err := x.become(u)
	defer x.restore(u, steps, signal)
	if err != nil {
		return err
	}
	return f()
}

// become makes the thread u's and says how far that went.
func (x *export) become(u *user) (steps int, err error) {
	e := setgroups(u.groups, x.me.groups)
	if e == 0 {
		steps++
		e = setgid(u.gid, x.me.gid)
	}
	if e == 0 {
		steps++
		e = setuid(u.uid, x.me.uid)
	}
	if e == 0 {
		steps++
	}
	return steps, errno(e)
}

// restore makes the thread the process's again. A thread that cannot be must not
// run anything else. Then there is no other either that could be trusted to, so
// all ends; were the panic caught, the goroutine would still be locked and take
// the thread along with it.
func (x *export) restore(u *user, steps int, signal int32) {
	var e unix.Errno
	if steps > 2 {
		e = setuid(x.me.uid, u.uid)
	}
	if steps > 1 && e == 0 {
		e = setgid(x.me.gid, u.gid)
	}
	if steps > 0 && e == 0 {
		e = setgroups(x.me.groups, u.groups)
	}
	if e != 0 {
		panic(fmt.Sprintf("diskfs: become uid %d again after uid %d: %v", x.me.uid, u.uid, e))
	}
	if signal != 0 {
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(signal), 0)
	}
	runtime.UnlockOSThread()
}

// deathSignal gives the signal that the thread gets when its parent dies: a
// change of user forgets it, prctl(2).
func deathSignal() (signal int32) {
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0)
	return signal
}

const same = ^uintptr(0) // -1: as it is

func setuid(to, from uint32) unix.Errno {
	if to == from {
		return 0
	}
	_, _, e := unix.RawSyscall(sysSetresuid, same, uintptr(to), same)
	return e
}

func setgid(to, from uint32) unix.Errno {
	if to == from {
		return 0
	}
	_, _, e := unix.RawSyscall(sysSetresgid, same, uintptr(to), same)
	return e
}

func setgroups(to, from []uint32) unix.Errno {
	if slices.Equal(to, from) {
		return 0
	}
	_, _, e := unix.RawSyscall(sysSetgroups, uintptr(len(to)), uintptr(unsafe.Pointer(unsafe.SliceData(to))), 0)
	return e
}
