package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"ninespace/test/bench/floor"
)

// The floor is the least that FUSE takes where the kernel is lent no files: a server that does
// nothing but answer, by package floor, with the big file's bytes from memory.
const floorHow = "floor"

func serveFloor(context.Context, [3]*os.File, []string) error {
	same := bytes.Repeat([]byte("ninespace\n"), bigSize/10+1)
	f := floor.File{Size: bigSize, Keep: true, Read: func(off uint64, n int) []byte {
		return same[min(off, bigSize):min(off+uint64(n), bigSize)]
	}}
	return f.Serve()
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
