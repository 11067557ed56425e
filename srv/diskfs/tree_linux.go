package diskfs

import (
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A tree is what the files have in common that one attach leads to.
type tree struct {
	*export
	as     *user // whose authority they are used with; nil: the process's own
	writer *user // the same without groups, which who writes to an open file is not asked for
}

// An export is what all attaches have in common.
type export struct {
	began    time.Time
	readOnly bool
	perUser  bool
	uncached bool // the kernel cannot be asked to walk without waiting
	proc     int  // the directory /proc/self/fd
	serving  int  // says to the name space that we are in what we do; -1: there is none
	me       user // the process
	free     bool // it can become others
	umask    uint32
	devices  devices
	waits    waits
	mount    uint64 // that the root is of
	recents  recents
	root     *node
	parked   parked
	leases   *srv.Leases
	watcher  *watcher
}

// A branch is the directory itself, as one user has it. It has the descriptor of
// the root, which each attach gives and each attach's end clunks, so only
// the root's Close closes it.
type branch struct {
	inline
	*node
}

func (*branch) Clunk() {}

// A root is the branch of the process's own user.
type root struct{ branch }

// Close lets the directory go.
func (r *root) Close() error {
	r.t.recents.close()
	r.t.watcher.close()
	unix.Close(r.t.proc)
	if r.t.serving >= 0 {
		unix.Close(r.t.serving)
	}
	r.node.Clunk()
	return nil
}

func (x *export) open(dir string) (srv.File, error) {
	x.began = time.Now()
	var err error
	if x.proc, err = procDir(); err != nil {
		return nil, err
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(x.proc)
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	x.watcher = newWatcher()
	x.leases = x.watcher.leases
	if x.serving, err = unix.Open("/#ns/serving", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		x.serving = -1
	}
	r := &root{branch{node: &node{t: &tree{export: x}, fd: fd}}}
	x.root = r.node
	var st unix.Statx_t
	if err := statx(fd, &st, false); err != nil {
		r.Close()
		return nil, &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	r.learn(&st)
	x.mount = st.Mnt_id
	x.recents.init()
	lot.init()
	probe, err := openat2(fd, ".", unix.O_PATH|unix.O_CLOEXEC, 0, resolveCached)
	if unix.Close(probe); err == unix.EINVAL {
		x.uncached = true // before Linux 5.12
	}
	x.me, x.free = process()
	x.umask = umask()
	return r, nil
}

// procDir opens the directory by whose entries a file is opened that is held by
// O_PATH. Relative to it that takes half as long as by the whole path.
func procDir() (int, error) {
	const dir = "/proc/self/fd"
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		var sfs unix.Statfs_t
		if err = unix.Fstatfs(fd, &sfs); err == nil && sfs.Type == unix.PROC_SUPER_MAGIC {
			return fd, nil
		}
		unix.Close(fd)
	}
	return -1, fmt.Errorf("/proc: %w", p9.NewError(unix.ENOENT, "not mounted"))
}
