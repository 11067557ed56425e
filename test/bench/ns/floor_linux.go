package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/test/bench/floor"
)

// The floor is the least that FUSE takes where the kernel is lent no files: a server that does
// nothing but answer, by package floor, with the big file's bytes from memory. What is written to a
// file there has it make a mount.
const floorHow = "floor"

func serveFloor(context.Context, [3]*os.File, []string) error {
	same := bytes.Repeat([]byte("ninespace\n"), bigSize/10+1)
	f := floor.File{Size: bigSize, Keep: true, Read: func(off uint64, n int) []byte {
		return same[min(off, bigSize):min(off+uint64(n), bigSize)]
	}, Write: binder()}
	return f.Serve()
}

// binder gives what has another thread make a bind mount of two directories, one a line, and answer.
// No less can be done where ctl is a file of FUSE: a thread that has the device open, as who reads
// the request, must not wait for a directory, which who waits for the device may have locked. The
// kernel wakes it, not Go's scheduler. It lives in the mount namespace of who asks, which the engine's
// has to go to.
func binder() func(string, func(error)) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return func(_ string, done func(error)) { done(err) }
	}
	runtime.GOMAXPROCS(max(3, runtime.GOMAXPROCS(0))) // neither waits for the other to let it run
	asked := make(chan func(), 1)
	go func() {
		runtime.LockOSThread()
		var b [8]byte
		for {
			if _, err := unix.Read(wake, b[:]); err == nil {
				(<-asked)()
			}
		}
	}()
	one := [8]byte{1}
	return func(lines string, done func(error)) {
		asked <- func() { done(bindLines(lines)) }
		if _, err := unix.Write(wake, one[:]); err != nil {
			<-asked
			done(err)
		}
	}
}

func bindLines(lines string) error {
	from, to, _ := strings.Cut(lines, "\n")
	tree, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	err = unix.MoveMount(tree, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH)
	unix.Close(tree)
	return err
}

// floorBind has the floor bind.
func (w *worker) floorBind() error {
	if err := openOnce(&w.ctl, "ctl", unix.O_WRONLY|unix.O_DIRECT); err != nil {
		return err
	}
	return tell(w.ctl, w.Data+"/src\n"+w.Data+"/old")
}

// mountFloor has a process of its own serve it, where nobody sees it but by w.Dir.
func (w *worker) mountFloor() (end func(), err error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"nine", floorHow}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	root, unmount, err := floor.Mount(cmd)
	if err != nil {
		return func() {}, err
	}
	w.Dir = fmt.Sprintf("/proc/self/fd/%d/1", root)
	return func() {
		os.Chdir("/")
		unmount()
	}, nil
}
