package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// mounts are what a Linux program expects to be there. What lies in memory may together
// with the root take no more than half of it, or a little above: with all of it taken nothing would
// run any more, and nobody could come in and remove something.
var mounts = []struct{ dir, kind, opts string }{
	{"/proc", "proc", ""},
	{"/sys", "sysfs", ""},
	{"/sys/fs/cgroup", "cgroup2", ""},
	{"/dev", "devtmpfs", "mode=755"},
	{"/dev/pts", "devpts", "mode=620,ptmxmode=666"},
	{"/dev/shm", "tmpfs", "mode=1777,size=5%"},
	{"/tmp", "tmpfs", "mode=1777,size=15%"},
	{"/run", "tmpfs", "mode=755,size=5%"},
}

// mountAll mounts them. What this kernel has not is not missed here.
func mountAll() error {
	unix.Umask(0o022)
	var failed error
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		err := unix.Mount(m.kind, m.dir, m.kind, unix.MS_NOSUID|unix.MS_NODEV*isnt(m.kind, "devtmpfs", "devpts"), m.opts)
		if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENODEV) {
			failed = errors.Join(failed, fmt.Errorf("mount %s on %s: %w", m.kind, m.dir, err))
		}
	}
	// One that is no tmpfs, or so full already, stays as it is.
	unix.Mount("", "/", "", unix.MS_REMOUNT, "size=30%")
	for name, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2", "/dev/ptmx": "pts/ptmx"} {
		if err := os.Symlink(to, name); err != nil && !errors.Is(err, os.ErrExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// isnt is 1 if s is none of the others.
func isnt(s string, others ...string) uintptr {
	for _, o := range others {
		if s == o {
			return 0
		}
	}
	return 1
}

// Init is the first process: it never returns. argv starts the process that does the
// work; should that end, it is started again.
func Init(argv []string) {
	first := bootTime()
	if err := mountAll(); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
	}
	// By this name the program is there below another root, too.
	err := os.WriteFile(self, nil, 0o755)
	if err == nil {
		err = unix.Mount("/proc/self/exe", self, "", unix.MS_BIND, "")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "init: %s: %v\n", self, err)
	}
	for k, v := range map[string]string{"PATH": "/mnt/bin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin", "HOME": "/root", "USER": "root", "SHELL": "/bin/rc"} {
		os.Setenv(k, v)
	}
	if os.Getenv("TERM") == "" || os.Getenv("TERM") == "linux" {
		os.Setenv("TERM", "vt100") // of a serial line; nothing here has a description of another
	}
	os.Unsetenv("NAMESPACE") // root's own, where a session of root's finds what is posted
	os.MkdirAll(p9.Namespace(), 0o700)
	os.Chdir("/")
	// The kernel's ^Alt-Del and a hypervisor's power button come as signals.
	unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGINT, syscall.SIGTERM, unix.SIGPWR)
	again := time.Second
	for {
		begun := time.Now()
		pid, err := startChild(argv, first)
		if err != nil {
			fmt.Fprintf(os.Stderr, "init: %s: %v\n", argv[0], err)
		} else {
			done := make(chan struct{})
			go func() {
				for {
					select {
					case s := <-sigs:
						unix.Kill(pid, s.(syscall.Signal))
					case <-done:
						return
					}
				}
			}()
			status := reapUntil(pid)
			close(done)
			fmt.Fprintf(os.Stderr, "init: the node's process ended (%s); it begins again\n", describe(status))
		}
		if time.Since(begun) > time.Minute {
			again = time.Second
		}
		time.Sleep(again)
		again = min(2*again, time.Minute)
		first = bootTime()
	}
}

func startChild(argv []string, first time.Duration) (int, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", begun, first))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	cmd.Process.Release()
	return pid, nil
}

// reapUntil waits for every child that there is, whoever's it was, until pid ends.
func reapUntil(pid int) unix.WaitStatus {
	for {
		var ws unix.WaitStatus
		switch got, err := unix.Wait4(-1, &ws, 0, nil); {
		case errors.Is(err, unix.EINTR):
		case err != nil: // nobody is left
			return ws
		case got == pid:
			return ws
		}
	}
}

func describe(ws unix.WaitStatus) string {
	if ws.Signaled() {
		return ws.Signal().String()
	}
	return fmt.Sprintf("status %d", ws.ExitStatus())
}
