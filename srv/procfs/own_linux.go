package procfs

import (
	"context"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What nobody but a process itself may do, it is made to do: inject has it make a system call.

// closeFd has it close a descriptor, close(2).
func (f *file) closeFd(ctx context.Context, args []string) error {
	fd, err := strconv.Atoi(args[0])
	if err != nil || fd < 0 {
		return invalid("descriptor %s is not a number", srv.Quote(args[0]))
	}
	if _, err := os.Lstat(f.p.path("/fd/" + strconv.Itoa(fd))); err != nil {
		if err = f.p.cause(err); err == errNone {
			err = p9.NewError(syscall.EBADF, "descriptor "+args[0]+" is not open")
		}
		return err
	}
	return f.inject(ctx, unix.SYS_CLOSE, uint64(fd))
}

// closeFiles has it close all of them, close_range(2).
func (f *file) closeFiles(ctx context.Context, _ []string) error {
	return f.inject(ctx, unix.SYS_CLOSE_RANGE, 0, math.MaxUint32, 0)
}

// noswap has it keep its memory from being swapped, mlockall(2).
func (f *file) noswap(ctx context.Context, _ []string) error {
	return f.inject(ctx, unix.SYS_MLOCKALL, unix.MCL_CURRENT|unix.MCL_FUTURE)
}

// private makes it not dumpable, prctl(2), which its children are too, until an exec.
func (f *file) private(ctx context.Context, _ []string) error {
	return f.inject(ctx, unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
}
