package ns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Privileged sees to it that the program may mount. Where the process may (it is
// root, or in a user namespace of its own), it does nothing and done is false.
// Else it runs the program once more, with the same arguments, in a new user
// namespace in which it may, as the same user, waits for its end, and done is
// true: the program has run and its status is in err, for ExitCode.
func Privileged(std [3]*os.File) (done bool, err error) {
	if capable(unix.CAP_SYS_ADMIN) {
		return false, nil
	}
	if os.Getenv(inUserNS) != "" {
		return true, errors.New("a user namespace gave no right to mount")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	cmd.Env = append(os.Environ(), inUserNS+"=1")
	uid, gid := os.Geteuid(), os.Getegid()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		// SYS_PTRACE is for nsd, which takes descriptors that processes post; the last two
		// are for networks made in there, of no other's use.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SYS_PTRACE, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW},
	}
	err = run(cmd, handOver)
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = fmt.Errorf("user namespace: %w", errno)
	}
	return true, err
}

// handOver closes what a child of this process's has inherited from it beside 0, 1 and 2: who
// waits for the end of a pipe waits for that of the child.
func handOver() {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// inUserNS marks the environment of a process that Privileged made.
const inUserNS = "NINE_USERNS"

// capable tells whether the process has a capability.
func capable(c uint) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}

// Run starts a command, passes SIGTERM and SIGHUP on to it and waits for its
// end. The terminal's own signals (^C) reach it without help. It ends with this
// process, by SIGHUP. A status other than 0 is an ExitError: 128 and the signal's
// number for a command that a signal ended.
func Run(cmd *exec.Cmd) error { return run(cmd, func() {}) }

// run is Run, that calls begun when the command has begun.
func run(cmd *exec.Cmd, begun func()) error {
	// The kernel tells a child of its parent's death when the thread ends that
	// started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGHUP
	}
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(sigs)
	if err := cmd.Start(); err != nil {
		return bare(err)
	}
	begun()
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case s := <-sigs:
				if s == syscall.SIGTERM || s == syscall.SIGHUP {
					cmd.Process.Signal(s)
				}
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	<-stopped
	var ee *exec.ExitError
	if !errors.As(err, &ee) {
		return err
	}
	code := ee.ExitCode()
	if ws, ok := ee.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return &ExitError{Code: code}
}
