package diskfs

import (
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A tree is what its files have in common.
type tree struct {
	readOnly bool
	slow     chan struct{} // a place for each call that may block its thread

	mu   sync.RWMutex
	devs map[uint64]device
	tags map[uint64]bool
}

// maxSlow bounds the threads that wait in the kernel for files that cannot be
// polled, on FUSE and 9P mounts.
const maxSlow = 256

// A device is what we know of a mounted file system.
type device struct {
	tag    uint64 // goes into qid paths
	madeUp bool   // files have no contents but what reading makes
}

// root is the File of the directory itself. Every attach gives it and every
// attach's end clunks it, so only Close closes it.
type root struct{ *node }

func (r *root) Clunk() {}

// Close lets the directory go.
func (r *root) Close() error {
	r.node.Clunk()
	return nil
}

func (t *tree) open(dir string) (srv.File, error) {
	var sfs unix.Statfs_t
	if err := unix.Statfs("/proc/self/fd", &sfs); err != nil || sfs.Type != unix.PROC_SUPER_MAGIC {
		return nil, fmt.Errorf("/proc: %w", p9.NewError(unix.ENOENT, "not mounted"))
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	n := t.node(fd)
	st, err := n.statx()
	if err != nil {
		n.Clunk()
		return nil, &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	t.slow = make(chan struct{}, maxSlow)
	t.devs, t.tags = map[uint64]device{}, map[uint64]bool{}
	t.learn(devOf(&st), fd, true)
	return &root{n}, nil
}

func devOf(st *unix.Statx_t) uint64 { return uint64(st.Dev_major)<<32 | uint64(st.Dev_minor) }

// device tells of the file system that fd is on, whose number is dev.
func (t *tree) device(dev uint64, fd int) device {
	t.mu.RLock()
	d, ok := t.devs[dev]
	t.mu.RUnlock()
	if ok {
		return d
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.learn(dev, fd, false)
}

// learn finds out. A device's tag is a hash of its number, so that paths last
// over restarts, and the next free one where two meet.
func (t *tree) learn(dev uint64, fd int, root bool) device {
	if d, ok := t.devs[dev]; ok {
		return d
	}
	var d device
	if !root {
		for h := mix(dev); ; h++ {
			if d.tag = h & 0x7FFF << 48; d.tag != 0 && !t.tags[d.tag] {
				break
			}
			if len(t.tags) == 0x7FFF {
				break // more devices than tags: paths may meet
			}
		}
	}
	var sfs unix.Statfs_t
	d.madeUp = unix.Fstatfs(fd, &sfs) != nil || madeUp(int64(sfs.Type))
	t.devs[dev] = d
	t.tags[d.tag] = true
	return d
}

func madeUp(magic int64) bool {
	switch magic {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.SELINUX_MAGIC, unix.SMACK_MAGIC,
		unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.BPF_FS_MAGIC,
		unix.EFIVARFS_MAGIC, unix.NSFS_MAGIC, unix.BINFMTFS_MAGIC, unix.PSTOREFS_MAGIC,
		0x62656570 /* configfs */, 0x19800202 /* mqueue */, 0x0187 /* autofs */ :
		return true
	}
	return false
}

// mix is splitmix64's last step: every bit of x counts for every bit of it.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
