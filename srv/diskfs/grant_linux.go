package diskfs

import (
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// grant gives a new file the permissions asked for where the process's umask may
// have taken some away, or mkdir(2) a set-id bit: the client has applied its own
// umask. Where the directory has a default access control list, that rules
// instead, and no umask does. Permissions that the file system cannot store are
// no error. What was found by its name has to be what was made, says is; where it is nil the
// file is known to be.
func (n *node) grant(c *node, perm fs.FileMode, is func(st *unix.Statx_t) bool) {
	want := unixPerm(perm)
	if !n.t.short(want) {
		return
	}
	var st unix.Statx_t
	if _, err := c.statx(&st); err == nil && want&^uint32(st.Mode) != 0 && (is == nil || is(&st)) {
		n.t.here(func() error {
			if _, err := unix.Getxattr(n.proc(), "system.posix_acl_default", nil); err != nil {
				return c.chmod(uint32(st.Mode) | want)
			}
			return nil
		})
	}
}

// short tells whether permissions may come short of what is asked for as a file is made.
func (x *export) short(want uint32) bool { return want&(x.umask|0o7000) != 0 }

// umask gives the process's umask, which can be asked for in no other way without
// being changed: "Umask:" of proc(5)'s status. Where it is not told it may be any.
func umask() uint32 {
	b, err := os.ReadFile("/proc/self/status")
	if err == nil {
		_, s, _ := strings.Cut(string(b), "\nUmask:")
		s, _, _ = strings.Cut(s, "\n")
		if n, err := strconv.ParseUint(strings.TrimSpace(s), 8, 32); err == nil {
			return uint32(n)
		}
	}
	return 0o777
}

// chmod sets the permission bits.
func (n *node) chmod(perm uint32) error {
	return unix.Fchmodat(n.t.proc, n.number(), perm&0o7777, 0)
}

// making tells, of what is at a name after something was made there from now on, whether it
// can be nothing else: who may change the directory can have put another's file there since,
// which is not to have more permissions for it. Its kind, owner and permissions are as those
// are of what is made; and it is not older, where the file system goes by our clock.
func (n *node) making(perm fs.FileMode) func(d *device, st *unix.Statx_t) bool {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now) // which files get their times from
	sec, nsec := now.Unix()
	u := n.t.as
	if u == nil {
		u = &n.t.me
	}
	mode := p9.UnixMode(perm) & (unix.S_IFMT | 0o777) &^ n.t.umask
	return func(d *device, st *unix.Statx_t) bool {
		old := d.held && st.Mask&unix.STATX_BTIME != 0 &&
			(st.Btime.Sec < sec || st.Btime.Sec == sec && int64(st.Btime.Nsec) < nsec)
		return !old && uint32(st.Mode)&(unix.S_IFMT|0o777) == mode && st.Uid == u.uid
	}
}
