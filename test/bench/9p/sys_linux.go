package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// patience is how long a peer may take for one read or write of the socket.
const patience = 10 * time.Second

// connect gives a blocking socket: the client wakes without a turn through Go's
// poller, so that what is measured is as much of the server as can be.
func connect(path string) (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	tv := syscall.NsecToTimeval(int64(patience))
	err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv)
	if err == nil {
		err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &tv)
	}
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err != nil {
		syscall.Close(fd)
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

func hangup(fd int) { syscall.Close(fd) }

// receive reads some bytes, at least one.
func receive(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, fmt.Errorf("no reply for %v", patience)
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errGone
		default:
			return n, nil
		}
	}
}

// send writes a, then b, in one system call where the kernel takes it all.
func send(fd int, a, b []byte) error {
	for len(a) > 0 || len(b) > 0 {
		var iov [2]syscall.Iovec
		n := 0
		for _, p := range [...][]byte{a, b} {
			if len(p) > 0 {
				iov[n].Base = &p[0]
				iov[n].SetLen(len(p))
				n++
			}
		}
		w, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(n))
		switch errno {
		case 0:
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return fmt.Errorf("nothing taken for %v", patience)
		default:
			return errno
		}
		k := min(int(w), len(a))
		a, b = a[k:], b[int(w)-k:]
	}
	runtime.KeepAlive(a)
	return nil
}

// descriptors raises the limit of open files as far as it goes, and tells it.
func descriptors() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	for _, want := range []uint64{1 << 20, 1 << 17, l.Max} {
		up := syscall.Rlimit{Cur: want, Max: max(want, l.Max)}
		if want <= l.Cur || syscall.Setrlimit(syscall.RLIMIT_NOFILE, &up) == nil {
			return int(max(want, l.Cur))
		}
	}
	return int(l.Cur)
}

// dieWithParent has the kernel end a child whose parent was killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// resident gives the bytes of memory that a process holds, proc_pid_statm(5).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm: %q", pid, b)
	}
	n, err := strconv.ParseInt(string(f[1]), 10, 64)
	return n * int64(os.Getpagesize()), err
}

// replace makes this process one of another program.
func replace(path string, args []string) error {
	return syscall.Exec(path, append([]string{path}, args...), os.Environ())
}

// available gives the bytes of memory that are free for the asking, proc_meminfo(5).
func available() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return n << 10
		}
	}
	return 0
}

// touch makes an empty file by one system call.
func touch(path string) error {
	if err := syscall.Mknod(path, syscall.S_IFREG|0o644, 0); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// drain reads a directory to its end, as a server of it has to.
func drain(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, listSize)
	for n := 1; n > 0; {
		if n, err = syscall.ReadDirent(int(f.Fd()), buf); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// ran tells how long the server's threads have run so far, proc_pid_schedstat(5).
// Those that have ended do not count.
func (s *server) ran() (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	var sum time.Duration
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", t, err)
		}
		sum += time.Duration(n)
	}
	return sum, err
}
