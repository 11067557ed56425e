package rc

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a child of this one.
type process int

func osStart(c *Command) (Process, error) {
	files := make([]uintptr, len(c.Files))
	for i, fd := range c.Files {
		files[i] = uintptr(fd)
	}
	attr := syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: files}
	if c.Group != 0 {
		attr.Sys = &syscall.SysProcAttr{Setpgid: true, Pgid: max(c.Group, 0)}
	}
	pid, err := syscall.ForkExec(c.Path, c.Args, &attr)
	if err == unix.EPERM && c.Group > 0 {
		// The group has gone with the last of its processes.
		attr.Sys.Pgid = 0
		pid, err = syscall.ForkExec(c.Path, c.Args, &attr)
	}
	if err != nil {
		return nil, err
	}
	return process(pid), nil
}

func (p process) Pid() int { return int(p) }

func (p process) Signal(sig syscall.Signal) error { return unix.Kill(int(p), sig) }

func (p process) Wait() string {
	for {
		if status, _, ended := p.change(0); ended {
			return status
		}
	}
}

// change waits for the end of the process or for what else the options of wait4(2)
// say. stop is the signal that stopped it, 0 if one made it go on.
func (p process) change(options int) (status string, stop syscall.Signal, ended bool) {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(int(p), &ws, options, nil)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return "", 0, true
		}
	}
	switch {
	case ws.Stopped():
		return "", ws.StopSignal(), false
	case ws.Continued():
		return "", 0, false
	case ws.Signaled():
		return "signal: " + noteText(ws.Signal()), 0, true
	}
	switch code := ws.ExitStatus(); code {
	case 0:
		return "", 0, true
	case 1:
		return "1", 0, true
	default:
		return strconv.Itoa(code), 0, true
	}
}

// noteText gives Plan 9's words for a signal.
func noteText(sig syscall.Signal) string {
	switch sig {
	case syscall.SIGHUP:
		return "hangup"
	case syscall.SIGINT:
		return "interrupt"
	case syscall.SIGQUIT:
		return "quit"
	case syscall.SIGILL:
		return "sys: illegal instruction"
	case syscall.SIGTRAP:
		return "sys: breakpoint"
	case syscall.SIGABRT:
		return "sys: abort"
	case syscall.SIGBUS:
		return "sys: bus error"
	case syscall.SIGFPE:
		return "sys: fp: trap"
	case syscall.SIGKILL:
		return "sys: kill"
	case syscall.SIGUSR1:
		return "sys: usr1"
	case syscall.SIGSEGV:
		return "sys: segmentation violation"
	case syscall.SIGUSR2:
		return "sys: usr2"
	case syscall.SIGPIPE:
		return "sys: write on closed pipe"
	case syscall.SIGALRM:
		return "alarm"
	case syscall.SIGTERM:
		return "kill"
	}
	return "sys: " + sig.String()
}

// osReplace makes this process another program.
func osReplace(c *Command) error {
	// First all are copied out of the way of the numbers that they get.
	tmp := make([]int, len(c.Files))
	for i, fd := range c.Files {
		if tmp[i] = fd; fd < 0 || fd == i {
			continue
		}
		var err error
		if tmp[i], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, len(c.Files)); err != nil {
			return err
		}
	}
	for i, fd := range tmp {
		if fd < 0 {
			// Not closed: it may be one that the runtime needs up to the end.
			unix.CloseOnExec(i)
		} else if fd == i {
			unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		} else if err := unix.Dup3(fd, i, 0); err != nil {
			return err
		}
	}
	if c.Dir != "" {
		if err := unix.Chdir(c.Dir); err != nil {
			return err
		}
	}
	return syscall.Exec(c.Path, c.Args, c.Env)
}

// Start and the others are the hooks of those names that an interpreter has by itself,
// or for Replace could have, for hooks to be made of.
func Start(c *Command) (Process, error) { return osStart(c) }

// Rfork makes a mount namespace, for the letter n.
func Rfork(letters, dir string) (func() error, error) { return osRfork(letters, dir) }

// Replace makes the calling process the program. It returns only with an error, and
// then descriptors have been replaced.
func Replace(c *Command) error { return osReplace(c) }
