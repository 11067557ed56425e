package ns

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// maxWrite is the most that one read or write of the kernel's asks for.
const maxWrite = 1 << 20

// Serve is the process nsd: it serves the name spaces of a session until the
// connection control, on which the session asks for groups, is closed. It must
// have a mount namespace of its own already. host makes the tree #U, after the
// process's root is one in which nothing of ours is mounted.
//
// On control, messages are a word and, for some, a descriptor; each is answered
// by "ok" or by the text of an error.
//
//	conn          the descriptor is a further such connection
//	attach TID    make a group and attach its tree at /proc of the thread TID
func Serve(ctx context.Context, control *os.File, o EngineOptions, host func() (srv.File, error)) error {
	c, err := net.FileConn(control)
	control.Close()
	if err != nil {
		return err
	}
	defer c.Close()
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("control connection: %w", syscall.ENOTSOCK)
	}
	h, err := start(o, host)
	if err != nil {
		conn.Write([]byte(err.Error()))
		return &ExitError{Code: 1} // the session says it
	}
	conn.Write([]byte("ok"))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	h.control(conn, nil)
	h.abort()
	return nil
}

// abort ends the file system: every request that is under way and every later one
// gets an error. The process's end would do so too, but not while a thread of its
// own waits for such a request in a mount call: that one would keep the device open
// for which it waits to be closed.
func (h *host) abort() {
	h.visit(func(*visitor) error {
		return unix.Unmount("/proc/thread-self/fd/"+strconv.Itoa(h.engine), unix.MNT_FORCE|unix.MNT_DETACH)
	})
}

// start mounts the file system and makes the engine.
func start(o EngineOptions, hostTree func() (srv.File, error)) (*host, error) {
	h := &host{}
	fd, err := h.mountFuse()
	if err != nil {
		return nil, err
	}
	if o.Bases, err = topDirs(o.NoGraft); err != nil {
		return nil, err
	}
	if o.Host, err = hostTree(); err != nil {
		return nil, fmt.Errorf("#U: %w", err)
	}
	eng := NewEngine(o)
	h.fuseFS = newFuseFS(eng)
	eng.kernel = h
	var st unix.Stat_t
	if err := h.connect(fd); err != nil {
		return nil, err
	}
	if err := unix.Fstat(h.engine, &st); err != nil {
		return nil, fmt.Errorf("fuse: %w", err)
	}
	h.dev = st.Dev
	h.readAhead()
	if h.home, err = newHome(h.engine, h.dir); err != nil {
		return nil, err
	}
	return h, nil
}

// aheadKiB is how far the kernel is to read ahead of who reads a file in order.
const aheadKiB = 512

// readAhead has it do so, instead of 128 KiB: a request is answered in little more time, and there
// are fewer. Only root may set it: where root of a user namespace could, it is left alone as it
// is for other users.
func (h *host) readAhead() {
	if ids := h.own.uids; ids != nil && !(len(ids) == 1 && ids[0].count == math.MaxUint32) {
		return
	}
	name := "/sys/class/bdi/" + deviceName(h.dev) + "/read_ahead_kb"
	if fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		unix.Write(fd, strconv.AppendInt(nil, aheadKiB, 10))
		unix.Close(fd)
	}
}

// Where an engine has its file system, and the rest of the host's tree, in its mount namespace:
// /proc is there in every root, and only covered here.
const ownDir, engineDir = "/proc", "/proc/engine"

// mountFuse mounts the file system where it is on the way of nothing, and gives
// the descriptor of its device. The host's whole tree is copied to a place in a
// tmpfs and made the process's root; beside it the file system is mounted.
func (h *host) mountFuse() (int, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		if err == unix.EINVAL {
			return -1, errors.New("/ is that of a chroot, which no other mount namespace can have: use a container, whose root is pivot_root's")
		}
		return -1, fmt.Errorf("private mounts: %w", err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/fuse: %w; nine doctor tells what to do", err)
	}
	fail := func(what string, err error) (int, error) {
		unix.Close(fd)
		return -1, fmt.Errorf("%s: %w", what, err)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fail("/", err)
	}
	defer unix.Close(tree)
	const dir = ownDir
	if err := unix.Mount("nine", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=700,size=64k"); err != nil {
		return fail("tmpfs", err)
	}
	for _, d := range []string{dir + "/host", engineDir} {
		if err := unix.Mkdir(d, 0o700); err != nil {
			return fail(d, err)
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, dir+"/host", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fail("copy of /", err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,default_permissions,allow_other,max_read=%d",
		fd, os.Geteuid(), os.Getegid(), maxWrite)
	if err := unix.Mount("nine", engineDir, "fuse.nine", unix.MS_NODEV|unix.MS_NOSUID, opts); err != nil {
		return fail("mount of fuse", err)
	}
	if h.dir, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fail(dir, err)
	}
	if h.engine, err = unix.Open(engineDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fail("engine", err)
	}
	if err := unix.Chroot(dir + "/host"); err != nil {
		return fail("chroot", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fail("/", err)
	}
	return fd, nil
}

// control answers one connection until it ends. early is the group that will be asked for;
// nil: none is made yet.
func (h *host) control(conn *net.UnixConn, early *earlyGroup) {
	defer func() { early.drop() }()
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		if n == 0 || err != nil {
			return
		}
		word, arg, _ := strings.Cut(string(buf[:n]), " ")
		switch word {
		case "conn":
			err = h.conn(oob[:oobn])
		case "attach":
			err = h.attach(arg, early)
			early = nil
		default:
			err = fmt.Errorf("%q: %w", word, syscall.EINVAL)
		}
		answer := "ok"
		if err != nil {
			answer = err.Error()
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// conn serves a connection that was passed.
func (h *host) conn(oob []byte) error {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(msgs) != 1 {
		return errors.Join(err, syscall.EINVAL)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return errors.Join(err, syscall.EINVAL)
	}
	unix.CloseOnExec(fds[0])
	f := os.NewFile(uintptr(fds[0]), "control")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return err
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return syscall.ENOTSOCK
	}
	go func() {
		defer uc.Close()
		h.control(uc, h.makeEarly())
	}()
	return nil
}

// An earlyGroup is made while the process that will ask for it starts.
type earlyGroup struct {
	h    *host
	made chan struct{} // closed when it is
	g    *Group
	err  error
}

func (h *host) makeEarly() *earlyGroup {
	e := &earlyGroup{h: h, made: make(chan struct{})}
	go func() {
		defer close(e.made)
		if e.g, e.err = h.eng.NewGroup(context.Background()); e.err == nil {
			h.visit(func(*visitor) error { return h.teach(e.g) })
		}
	}()
	return e
}

// drop closes the group that nobody has asked for.
func (e *earlyGroup) drop() {
	if e == nil {
		return
	}
	if <-e.made; e.err == nil {
		e.g.Close()
		e.h.dropName(groupDir(e.g.id))
	}
}

// attach gives a group to a thread that has unshared its mount namespace: the early one, which
// nobody else gets, or where that is nil another.
func (h *host) attach(arg string, e *earlyGroup) (err error) {
	if e == nil {
		e = h.makeEarly()
	}
	defer func() {
		if err != nil {
			e.drop()
		}
	}()
	tid, err := strconv.Atoi(arg)
	if err != nil {
		return fmt.Errorf("attach %q: %w", arg, syscall.EINVAL)
	}
	h.collect()
	if <-e.made; e.err != nil {
		return e.err
	}
	return h.attachGroup(e.g, tid)
}
