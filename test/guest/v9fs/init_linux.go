package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What an init has to do before anything else can.

func setup() error {
	unix.Umask(0)
	for _, m := range []struct{ dir, kind, opts string }{
		{"/proc", "proc", ""},
		{"/sys", "sysfs", ""},
		{"/dev", "devtmpfs", ""},
		{"/dev/shm", "tmpfs", ""},
		{"/ref", "tmpfs", "mode=755"},
		{"/tmp", "tmpfs", ""},
		{"/run", "tmpfs", "mode=755"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, m.opts); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	line, err := openLine()
	if err != nil {
		return err
	}
	out.Writer = line
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
	if err := ifup("lo", [4]byte{127, 0, 0, 1}); err != nil {
		return err
	}
	return ifup("eth0", [4]byte{10, 0, 2, 15})
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

// end turns the machine off, by a reboot, at which qemu ends.
func end() {
	say("end", "", "")
	if f, ok := out.Writer.(*os.File); ok {
		unix.IoctlSetInt(int(f.Fd()), unix.TCSBRK, 1) // until all is sent
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// hang has the kernel write on the console what it waits for, and ends the guest.
func hang() {
	os.WriteFile("/proc/sysrq-trigger", []byte("w"), 0)
	buf := make([]byte, 1<<16)
	os.Stderr.Write(buf[:runtime.Stack(buf, true)])
	end()
}

// Two users of no account on the host.
const ann, bob = 61001, 61002

// as runs f as another user, with that number as its only group too, on a thread
// that ends with it.
func as(uid int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		for _, c := range []struct{ trap, a, b, c uintptr }{
			{unix.SYS_SETGROUPS, 0, 0, 0},
			{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, e := syscall.RawSyscall(c.trap, c.a, c.b, c.c); e != 0 {
				done <- fmt.Errorf("to become user %d: %w", uid, e)
				return
			}
		}
		done <- f()
	}()
	return <-done
}
