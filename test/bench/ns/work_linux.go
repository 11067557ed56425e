package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// works are the rows' works, by name. Names are relative to the place.
var works = map[string]*work{
	"stat":   {batch: 64, op: stat},
	"open":   {batch: 16, op: func(w *worker) error { return w.openRead(fileName) }},
	"read":   {ready: (*worker).openBig, before: (*worker).drop, op: (*worker).readBig},
	"reread": {ready: (*worker).openBig, op: (*worker).readBig},
	"write":  {op: (*worker).write},
	"create": {batch: 4, op: (*worker).create},
	"find":   {op: func(w *worker) error { return w.run("find", "tree", "-size", "+1") }},
	// To what /dev/null is called tar writes nothing and reads nothing.
	"tar":  {op: func(w *worker) error { return w.run("tar", "cf", "/dev/zero", "tree") }},
	"git":  {op: func(w *worker) error { return w.run("git", append(gitArgs("repo"), "status", "--porcelain")...) }},
	"exec": {op: func(w *worker) error { return w.run("./true") }},

	"own read": {batch: 16, ready: (*worker).openOwn, op: (*worker).readOwn},
	"own open": {batch: 16, op: func(w *worker) error { return w.openRead(ownName) }},

	"rfork":        {op: (*worker).rfork},
	"newns":        {op: (*worker).newns},
	"bind":         {op: (*worker).bind, after: (*worker).unbind},
	"bind command": {op: (*worker).bindCommand, after: (*worker).unbind},
}

var (
	fileName = cstring("file")
	ownName  = cstring("/mnt/ns/ns")
	here     = unix.AT_FDCWD
)

func cstring(s string) *byte {
	p, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	return p
}

// stat and openRead are system calls and nothing besides, as C's would be.

func stat(*worker) error {
	var st unix.Statx_t
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(fileName)), 0,
		unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&st)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (w *worker) openRead(name *byte) error {
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(name)), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	n, _, errno := unix.Syscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&w.buf[0])), fileSize)
	unix.Syscall(unix.SYS_CLOSE, fd, 0, 0)
	if errno != 0 {
		return errno
	}
	if n == 0 {
		return errors.New("nothing read")
	}
	return nil
}

// openOnce opens a file that is kept open.
func openOnce(fd *int, name string, flags int) (err error) {
	if *fd < 0 {
		*fd, err = unix.Open(name, flags|unix.O_CLOEXEC, 0)
	}
	return err
}

func (w *worker) openBig() error { return openOnce(&w.big, "big", unix.O_RDONLY) }
func (w *worker) openOwn() error { return openOnce(&w.own, "/mnt/ns/ns", unix.O_RDONLY) }

// drop empties the place's cache of the big file. What is beneath stays in memory.
func (w *worker) drop() error {
	if !w.Drop {
		return nil
	}
	return unix.Fadvise(w.big, 0, 0, unix.FADV_DONTNEED)
}

func (w *worker) readBig() error {
	for off := 0; off < bigSize; {
		n, err := unix.Pread(w.big, w.buf, int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return fmt.Errorf("at %d: %w", off, errors.Join(err))
		}
		off += n
	}
	return nil
}

func (w *worker) readOwn() error {
	_, err := unix.Pread(w.own, w.buf[:fileSize], 0)
	return err
}

func (w *worker) write() error {
	fd, err := unix.Open("to."+w.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	for done := 0; done < bigSize && err == nil; {
		var n int
		if n, err = unix.Write(fd, w.buf); err == unix.EINTR {
			err = nil
		}
		done += max(n, 0)
	}
	return errors.Join(err, unix.Close(fd))
}

func (w *worker) create() error {
	name := "new." + w.Name
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(unix.Close(fd), unix.Unlink(name))
}

// run runs a program that says nothing.
func (w *worker) run(name string, args ...string) error {
	path := w.progs[name]
	if path == "" {
		var err error
		if path, err = exec.LookPath(name); err != nil {
			return err
		}
		w.progs[name] = path
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(path, append([]string{name}, args...), &syscall.ProcAttr{
		Env: gitEnv(), Files: []uintptr{null.Fd(), null.Fd(), 2}})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var ws syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &ws, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if err == nil && ws != 0 {
		err = fmt.Errorf("%s: status %#x", name, uint32(ws))
	}
	return err
}
