package ns

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// Linux's own 9P client, v9fs, mounts servers for root. What it shows is what the
// engine would, by a connection of its own, so the engine only has it lie over its
// own tree (a Graft), where that is one server's and nothing else, as it has the
// host's directories. It is mounted once, beside the engine's file system, and
// copied to the groups from there.

// v9fsMsize is the size of its messages; older kernels have less.
const v9fsMsize = 64 << 10

var lastTree atomic.Uint64

// hasV9fs tells whether the kernel has it loaded and this process may use it: it is
// not for user namespaces.
func hasV9fs() bool {
	b, err := os.ReadFile("/proc/filesystems")
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == "9p" {
			return true
		}
	}
	return false
}

// tree mounts a server's tree. That it cannot is no error: the engine shows it.
func (h *host) tree(ctx context.Context, addr, aname string) (name string, undo func()) {
	if !hasV9fs() || strings.ContainsAny(aname, ",\\") { // which its options can't have
		return "", nil
	}
	fd, err := h.mount9p(ctx, addr, aname)
	if err != nil {
		return "", nil
	}
	defer unix.Close(fd)
	name = "v" + strconv.FormatUint(lastTree.Add(1), 10)
	if unix.Mkdirat(h.dir, name, 0o700) != nil {
		return "", nil
	}
	undo = func() {
		unix.Unmount(fmt.Sprintf("/proc/self/fd/%d/%s", h.dir, name), unix.MNT_DETACH)
		unix.Unlinkat(h.dir, name, unix.AT_REMOVEDIR)
	}
	if err := unix.MoveMount(fd, "", h.dir, name, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		undo()
		return "", nil
	}
	return name, undo
}

// mount9p gives a descriptor of a mount that is nowhere yet.
func (h *host) mount9p(ctx context.Context, addr, aname string) (int, error) {
	network, address, err := p9.ParseDial(addr, "564")
	if err != nil {
		return -1, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	// A server that does not answer is hung up on: nothing else ends the mount.
	defer context.AfterFunc(ctx, func() {
		if raw, err := conn.(syscall.Conn).SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_RDWR) })
		}
	})()
	f, err := conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return -1, err
	}
	defer f.Close()
	sb, err := unix.Fsopen("9p", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(sb)
	me, err := user.Current() // as whom the engine attaches
	if err != nil {
		return -1, err
	}
	number := strconv.Itoa(int(f.Fd()))
	for _, o := range [][2]string{
		{"source", "nine"}, {"trans", "fd"}, {"rfdno", number}, {"wfdno", number}, {"version", "9p2000.L"},
		{"cache", "none"}, {"access", "any"}, {"msize", strconv.Itoa(v9fsMsize)}, {"aname", aname},
		{"uname", me.Username}, {"dfltuid", strconv.Itoa(os.Geteuid())}, {"dfltgid", strconv.Itoa(os.Getegid())},
	} {
		if o[1] == "" {
			continue
		}
		if err := unix.FsconfigSetString(sb, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("%s: %w", o[0], err)
		}
	}
	if err := unix.FsconfigCreate(sb); err != nil {
		return -1, err
	}
	return unix.Fsmount(sb, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}
