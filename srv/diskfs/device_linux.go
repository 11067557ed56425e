package diskfs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// A device is what we know of a mounted file system.
type device struct {
	kind
	paths   *srv.Device
	waitful atomic.Bool  // reads there cannot be asked not to wait
	late    atomic.Int64 // until when changes are not tried on the reading goroutine
}

// A kind is a device's number and what its file system tells of itself.
type kind struct {
	num    uint64
	madeUp bool // files have no contents but what reading makes
	waits  waiting
	held   bool // attributes of a file that is held are in memory
}

// A waiting says which calls may wait, for a disk or for somebody else.
type waiting uint8

const (
	always waiting = iota // any: on a network, of another program, or unknown
	onDisk                // those that change something, or look for what is not in memory: see timed
	never                 // none: all is in memory
)

// waitingOf tells of a kind of file system, by statfs(2)'s f_type. What is not
// here may always wait. Overlays count as what they mostly lie on.
func waitingOf(magic int64) waiting {
	switch magic {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return never
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC,
		unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1, unix.ISOFS_SUPER_MAGIC, unix.UDF_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC,
		unix.EXFAT_SUPER_MAGIC, unix.REISERFS_SUPER_MAGIC, unix.NILFS_SUPER_MAGIC, unix.JFFS2_SUPER_MAGIC, unix.CRAMFS_MAGIC,
		0x2FC12FC1 /* zfs */, 0xCA451A4E /* bcachefs */, 0x7366746E /* ntfs3 */, 0x3153464A /* jfs */, 0x24051905, /* ubifs */
		unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.DEVPTS_SUPER_MAGIC:
		return onDisk
	}
	return always
}

// held tells of kinds of which statx(2) waits for nothing, given a descriptor: not of
// overlays, which may lie on anything.
func held(magic int64) bool {
	switch magic {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC:
		return true
	}
	return false
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

// A change of a file on a disk takes microseconds, but now and then it has to
// wait: for the journal, or because too much is to be written already. On a
// goroutine that must not wait it is tried all the same, since a switch to
// another costs as much as the change. When one took longer than patience, the
// device's changes are left to other goroutines, for so many times as long: then
// no more than a small part of the reading goroutine's time is lost.
const (
	patience = 5 * time.Millisecond
	penance  = 20
)

// timed calls f, which may have to wait in the kernel for the file's device. It returns
// srv.ErrAgain on a goroutine that must not wait, where that is to be expected.
func (n *node) timed(ctx context.Context, f func() error) error {
	if done, err := n.brief(ctx, f); done {
		return err
	}
	return srv.InKernel(ctx, f)
}

// tried is timed for what has its own calls of srv.InKernel.
func (n *node) tried(ctx context.Context, f func() error) error {
	if done, err := n.brief(ctx, f); done {
		return err
	}
	return f()
}

// brief does what timed does of what does not wait, or must not.
func (n *node) brief(ctx context.Context, f func() error) (done bool, err error) {
	d := n.dev.Load()
	switch {
	case d != nil && d.waits == never:
		return true, f()
	case !srv.Nonblock(ctx):
		return false, nil
	case d == nil || d.waits == always:
		return true, srv.ErrAgain
	}
	begin := time.Since(n.t.began)
	if begin < time.Duration(d.late.Load()) {
		return true, srv.ErrAgain
	}
	err = f()
	if took := time.Since(n.t.began) - begin; took > patience {
		d.late.Store(int64(begin + penance*took))
	}
	return true, err
}

// run is timed with the authority of the tree's user.
func (n *node) run(ctx context.Context, f func() error) error {
	return n.timed(ctx, func() error { return n.t.here(f) })
}

// settled returns srv.ErrAgain on a goroutine that must not wait, unless nothing
// ever waits for the file's device.
func (n *node) settled(ctx context.Context) error {
	if d := n.dev.Load(); d != nil && d.waits == never || !srv.Nonblock(ctx) {
		return nil
	}
	return srv.ErrAgain
}

// near returns srv.ErrAgain on a goroutine that must not wait, where the file is
// not this machine's.
func (n *node) near(ctx context.Context) error {
	if d := n.dev.Load(); d != nil && d.waits != always || !srv.Nonblock(ctx) {
		return nil
	}
	return srv.ErrAgain
}

// kindOf gives the kind of a file's device, by statfs(2)'s f_type; 0: it does not tell.
func kindOf(st *unix.Statx_t, magic int64) kind {
	return kind{devOf(st), magic == 0 || madeUp(magic), waitingOf(magic), held(magic)}
}

// magicOf gives that of a descriptor's file, which may be silent.
func magicOf(fd int) int64 {
	var sfs unix.Statfs_t
	if unix.Fstatfs(fd, &sfs) != nil {
		return 0
	}
	return int64(sfs.Type)
}

// doubted is what is believed of a kind. Linux's client of 9P passes on what its server says, which
// may be of the server's own disk, or memory. Such a file system has no device of its own and tells
// no times of birth; of others without a device, but for those that are made up, most do.
func (k kind) doubted(st *unix.Statx_t) kind {
	if !k.madeUp && st.Dev_major == 0 && st.Mask&unix.STATX_BTIME == 0 {
		k.waits, k.held = always, false
	}
	return k
}

// The devices met so far, by kind: a number is another's when the one that had it was unmounted.
type devices struct {
	mu    sync.RWMutex
	all   map[kind]*device
	paths srv.Devices
}

// of gives the device that fd is on, of whose file st tells.
func (l *devices) of(st *unix.Statx_t, fd int) *device {
	k := kindOf(st, magicOf(fd)).doubted(st) // not with the lock held
	l.mu.RLock()
	d := l.all[k]
	l.mu.RUnlock()
	if d != nil {
		return d
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.all[k]; d != nil {
		return d
	}
	if l.all == nil {
		l.all = map[kind]*device{}
	}
	d = &device{kind: k, paths: l.paths.Of(k.num)}
	l.all[k] = d
	return d
}

// stays tells whether fd is on the device still, by whose number it is: only if that is believed not
// to wait does it matter.
func (d *device) stays(st *unix.Statx_t, fd int) bool {
	return d.waits == always || d.kind == kindOf(st, magicOf(fd))
}

func devOf(st *unix.Statx_t) uint64 { return uint64(st.Dev_major)<<32 | uint64(st.Dev_minor) }

// mix is splitmix64's last step: every bit of x counts for every bit of it.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
