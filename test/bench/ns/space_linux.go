package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// enter goes to the place: mounts what it has to and makes what there is to be
// many of. end lets go of what would not end with the process.
func (w *worker) enter() (end func(), err error) {
	end = func() {}
	if !w.Space {
		if err := private(); err != nil {
			return end, err
		}
	}
	if w.How != "" {
		if w.Dir = filepath.Join(w.Home, "mnt"); unix.Mkdir(w.Dir, 0o755) != nil {
			return end, unix.EEXIST
		}
		if end, err = w.mount(); err != nil {
			return end, fmt.Errorf("%s: %w", w.How, err)
		}
	}
	if err := os.Chdir(w.Dir); err != nil {
		return end, err
	}
	for i := range w.Binds {
		if err := w.tell(fmt.Sprintf("bind %s/src %s/b/%d", w.Dir, w.Dir, i)); err != nil {
			return end, fmt.Errorf("bind %d: %w", i, err)
		}
	}
	for i := range w.Other {
		if err := w.thread(w.leave, w.held); err != nil {
			return end, fmt.Errorf("name space %d: %w", i, err)
		}
	}
	return end, nil
}

func private() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }

func (w *worker) mount() (end func(), err error) {
	end = func() {}
	switch w.How {
	case "bind":
		return end, unix.Mount(w.Data, w.Dir, "", unix.MS_BIND, "")
	case "overlay":
		for _, d := range []string{"upper", "work"} {
			if err := unix.Mkdir(filepath.Join(w.Home, d), 0o755); err != nil {
				return end, err
			}
		}
		opts := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", w.Data, w.Home, w.Home)
		err := unix.Mount("overlay", w.Dir, "overlay", 0, opts)
		if err != nil {
			err = unix.Mount("overlay", w.Dir, "overlay", 0, opts+",userxattr") // as a user namespace wants it
		}
		return end, err
	case floorHow:
		return w.mountFloor()
	}
	path, err := exec.LookPath("mergerfs")
	if err != nil {
		return end, fmt.Errorf("no mergerfs of Debian: %w", err)
	}
	cmd := exec.Command(path, "-f", "-o", "cache.files=auto-full", w.Data, w.Dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return end, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	end = func() { cmd.Process.Kill(); <-ended }
	for limit := time.After(patience / 4); ; {
		var a, b unix.Stat_t
		if unix.Stat(w.Home, &a) == nil && unix.Stat(w.Dir, &b) == nil && a.Dev != b.Dev {
			return end, nil
		}
		select {
		case err := <-ended:
			ended <- err
			return end, fmt.Errorf("ended: %w", errors.Join(err))
		case <-limit:
			return end, errors.New("nothing mounted")
		case <-time.After(time.Millisecond):
		}
	}
}

// tell writes a line to the group's ctl.
func (w *worker) tell(line string) error {
	if err := openOnce(&w.ctl, "/mnt/ns/ctl", unix.O_RDWR); err != nil {
		return err
	}
	return tell(w.ctl, line)
}

func tell(ctl int, line string) error {
	for {
		_, err := unix.Write(ctl, []byte(line))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			text := make([]byte, 1000)
			n, _ := unix.Pread(ctl, text, 0)
			return fmt.Errorf("%w: %s", err, text[:max(n, 0)])
		}
		return nil
	}
}

func (w *worker) bind() error {
	switch {
	case w.How == floorHow:
		return w.floorBind()
	case !w.Space:
		return unix.Mount("src", "old", "", unix.MS_BIND, "")
	}
	return w.tell("bind " + w.Dir + "/src " + w.Dir + "/old")
}

func (w *worker) unbind() error {
	if !w.Space {
		return unix.Unmount(w.Data+"/old", 0)
	}
	return w.tell("unmount " + w.Dir + "/src " + w.Dir + "/old")
}

func (w *worker) bindCommand() error {
	if !w.Space {
		return w.run("mount", "--bind", "src", "old")
	}
	return w.run("/mnt/bin/bind", "src", "old")
}

func (w *worker) newns() error {
	if !w.Space {
		return w.run("unshare", "-m", "./true")
	}
	return w.run("/mnt/bin/newns", "./true")
}

// thread does something in a thread of its own, which stays until held is closed,
// at once if that is nil, and then is no more.
func (w *worker) thread(do func() error, held <-chan struct{}) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock
		err := do()
		done <- err
		if err == nil && held != nil {
			<-held
		}
	}()
	return <-done
}

func (w *worker) rfork() error { return w.thread(w.leave, nil) }

// leave has the thread leave for a copy of its name space, as newns does, or on the
// host for a copy of its mounts.
func (w *worker) leave() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := private(); err != nil || !w.Space {
		return err
	}
	ctl, err := unix.Open("/mnt/ns/ctl", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = tell(ctl, "rfork n")
	unix.Close(ctl)
	if err != nil {
		return err
	}
	if err := unix.Chdir("/proc"); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("old root: %w", err)
	}
	return unix.Chdir(w.Dir)
}

// clock gives what tells the time: the clock, or the time that the worker, what it
// has waited for, and other processes have run.
func clock(q *request) func() time.Duration {
	if !q.CPU {
		begin := time.Now()
		return func() time.Duration { return time.Since(begin) }
	}
	return func() time.Duration {
		var sum time.Duration
		var ru unix.Rusage
		if unix.Getrusage(unix.RUSAGE_CHILDREN, &ru) == nil {
			sum = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		}
		for _, pid := range append([]int{os.Getpid()}, q.Pids...) {
			var ts unix.Timespec
			if unix.ClockGettime(int32(^pid<<3|2), &ts) == nil { // its CPU clock, clock_getcpuclockid(3)
				sum += time.Duration(ts.Nano())
			}
		}
		return sum
	}
}
