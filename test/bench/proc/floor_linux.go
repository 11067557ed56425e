package main

import (
	"context"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/test/bench/floor"
)

// The floor is the least that a file of FUSE takes, by package floor, with the same bytes from
// memory for each file: an open, a read, a read that finds the end and a release a file.

func serveFloor(context.Context, [3]*os.File, []string) error {
	f := floor.File{Direct: true, Read: func(off uint64, _ int) []byte {
		if off > 0 {
			return nil
		}
		return floorText
	}}
	return f.Serve()
}

var floorText = []byte(strings.Repeat("x", statusSize))

// mountFloor mounts it, served by a process of its own, and makes its root this process's
// directory.
func mountFloor(ctx context.Context) (end func(), err error) {
	cmd, err := command(ctx, "", "-floor")
	if err != nil {
		return nil, err
	}
	root, unmount, err := floor.Mount(cmd)
	if err != nil {
		return nil, err
	}
	end = func() {
		os.Chdir("/")
		unmount()
	}
	if err := unix.Fchdir(root); err != nil {
		end()
		return nil, err
	}
	return end, nil
}
