package ns

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// An engine that is killed may not end. If a thread of it waits just then for what requests hold,
// a page that is being read, the kernel waits with the end of the file system for that thread, and
// that for what nobody answers any more. So who starts an engine ends its file system.

// guard sees to it that an engine which is killed ends: its process holds the other end of the pipe
// alive.
func (s *Session) guard(alive *os.File) {
	mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", s.cmd.Process.Pid))
	if err != nil {
		alive.Close()
		return
	}
	go func() {
		defer mounts.Close()
		defer alive.Close()
		io.Copy(io.Discard, alive)
		for {
			select {
			case <-s.done:
				return
			case <-time.After(100 * time.Millisecond): // for threads that take their time
			}
			abortIn(mounts, engineDir)
		}
	}()
}

// abortIn ends the file system that is mounted at dir in a mount namespace: each request of it,
// and whatever is asked later, gets an error.
func abortIn(mounts *os.File, dir string) {
	tried := make(chan struct{})
	osthread.Go(func() {
		defer close(tried)
		if unix.Unshare(unix.CLONE_FS) == nil && unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS) == nil {
			unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
		}
	})
	<-tried
}

// Guard sees to it that a process which has an engine in it (see StartHere) ends when it is killed.
// The process has, and no other, the other end of the pipe alive, by which Tell tells of the engine.
// Guard returns when that has its end.
//
// Whoever is killed may have told anything, and root must do nothing for it that is not the user's:
// of file systems that are uid's one is ended, and of others, and of name spaces and processes,
// nothing is touched.
func Guard(alive *os.File, uid int) {
	defer alive.Close()
	told := make([]byte, 16)
	n, _ := alive.Read(told)
	number, _, _ := strings.Cut(string(told[:n]), "\n")
	abort, err := abortOf(number, uid)
	if err != nil {
		return
	}
	defer abort.Close()
	io.Copy(io.Discard, alive)
	abort.Write([]byte("1")) // nobody serves it any more, however the process has ended
}

// Tell tells a Guard of the session's engine, which is in this process, through the descriptor fd.
// That is to stay open until the process ends, and in no other.
func (s *Session) Tell(fd int) error {
	_, err := unix.Write(fd, fmt.Appendln(nil, unix.Minor(s.dev)))
	return os.NewSyscallError("write", err)
}

// abortOf opens what ends the file system of FUSE that has a number, if it is uid's, by a write. It
// never is another's: if that one is gone, nothing happens.
func abortOf(number string, uid int) (*os.File, error) {
	if _, err := strconv.ParseUint(number, 10, 32); err != nil {
		return nil, err
	}
	dir, err := connections()
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, number+"/abort", unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Uid != uint32(uid) {
		err = unix.EPERM
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "abort"), nil
}

// connections gives Linux's directory of its FUSE file systems: root has it where it is not mounted.
func connections() (int, error) {
	if dir, err := fusectl(); err == nil {
		return dir, nil
	}
	return unix.Open("/sys/fs/fuse/connections", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// fusectl makes a mount of it that is in no name space.
func fusectl() (int, error) {
	ctx, err := unix.Fsopen("fusectl", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, err
	}
	return unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}
