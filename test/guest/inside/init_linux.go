// Package inside is what the init of a guest has to do before anything else can,
// and at the end.
package inside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Setup mounts the kernel's own file systems, and a tmpfs at each of dirs, loads
// what is in /modules and starts the network. It gives the line to the host, which
// is the guest's second serial port.
func Setup(dirs ...string) (line *os.File, err error) {
	unix.Umask(0)
	type mount struct{ dir, kind, opts string }
	mounts := []mount{
		{"/proc", "proc", ""},
		{"/sys", "sysfs", ""},
		{"/sys/fs/cgroup", "cgroup2", ""},
		{"/dev", "devtmpfs", ""},
		{"/dev/shm", "tmpfs", ""},
		{"/tmp", "tmpfs", ""},
		{"/run", "tmpfs", "mode=755"},
	}
	for _, d := range dirs {
		mounts = append(mounts, mount{d, "tmpfs", "mode=755"})
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return nil, err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, m.opts); err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	if line, err = openLine(); err != nil {
		return nil, err
	}
	return line, errors.Join(load(), ifup("lo", [4]byte{127, 0, 0, 1}), ifup("eth0", [4]byte{10, 0, 2, 15}))
}

// load loads the modules, in the order of their names.
func load() error {
	modules, err := filepath.Glob("/modules/*")
	if err != nil {
		return err
	}
	slices.Sort(modules)
	for _, m := range modules {
		f, err := os.Open(m)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}

// openLine opens the line to the host, which passes bytes as they are.
func openLine() (*os.File, error) {
	f, err := os.OpenFile("/dev/ttyS1", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	tio.Oflag &^= unix.OPOST
	tio.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	return f, unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, tio)
}

// ifup gives an interface an address, of a network of 256, and starts it,
// netdevice(7).
func ifup(name string, addr [4]byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, step := range []struct {
		req  uintptr
		addr [4]byte
	}{{unix.SIOCSIFADDR, addr}, {unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 0}}} {
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := ifr.SetInet4Addr(step.addr[:]); err != nil {
			return err
		}
		if err := ioctl(fd, step.req, unsafe.Pointer(ifr)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := ioctl(fd, unix.SIOCSIFFLAGS, unsafe.Pointer(ifr)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg)); e != 0 {
		return e
	}
	return nil
}

// End turns the machine off, by a reboot, at which qemu ends, once all is sent that
// was written on the line.
func End(line *os.File) {
	if line != nil {
		unix.IoctlSetInt(int(line.Fd()), unix.TCSBRK, 1)
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}
