package rc

import (
	"bytes"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// readLines is Plan 9's read(1): it copies a line of the standard input, or of files, and
// takes no more than that. As a program it could not be had from Linux.
func readLines(sh *shell, args []string) error {
	n, words := 1, args[1:]
	for ; len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-'; words = words[1:] {
		var err error
		switch {
		case words[0] == "-m":
			n = -1
		case words[0] == "-n" && len(words) > 1:
			n, err = strconv.Atoi(words[1])
			words = words[1:]
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			sh.sayAt("usage: read [-m] [-n lines] [file ...]")
			sh.setStatus("usage")
			return nil
		}
	}
	in := []*file{sh.fds.at(0)}
	if len(words) > 0 {
		in = in[:0]
	}
	for _, name := range words {
		fd, err := sh.open(name, unix.O_RDONLY, 0)
		if err != nil {
			sh.sayAt("read: " + name + ": " + because(err))
			sh.setStatus("open")
			return nil
		}
		f := newFile(fd)
		defer f.release()
		in = append(in, f)
	}
	sh.status = statusOK
	for _, f := range in {
		for i := 0; i != n; i++ {
			line, err := sh.readLine(f)
			if err == nil && len(line) > 0 {
				err = sh.write(1, line)
			}
			switch {
			case err == unix.EINTR:
				sh.setStatus("interrupt")
				return nil
			case err != nil:
				sh.sayAt("read: " + because(err))
				sh.setStatus("read error")
				return nil
			case len(line) == 0 && n > 0:
				sh.setStatus("eof")
			}
			if len(line) == 0 {
				break
			}
		}
	}
	return nil
}

// readLine reads a line with its newline, if it has one, and nothing behind it.
func (sh *shell) readLine(f *file) ([]byte, error) {
	if f == nil {
		return nil, unix.EBADF
	}
	fd, err := f.number()
	if err != nil {
		return nil, err
	}
	size := 1
	if _, err := unix.Seek(fd, 0, unix.SEEK_CUR); err == nil && regular(fd) {
		size = 512 // what is too much is given back
	}
	var line []byte
	buf := make([]byte, size)
	for {
		n, err := sh.patiently(fd, buf)
		if err != nil || n <= 0 {
			return line, err
		}
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			if back := n - i - 1; back > 0 {
				unix.Seek(fd, int64(-back), unix.SEEK_CUR)
			}
			return append(line, buf[:i+1]...), nil
		}
		line = append(line, buf[:n]...)
	}
}

// patiently reads what is there. Where an interrupt does not end the process it ends the
// read.
func (sh *shell) patiently(fd int, buf []byte) (int, error) {
	if sh.interactive == 0 && !sh.r.handled.Load() {
		return readSome(fd, buf)
	}
	if sh.r.interrupted(fd, sh.interrupts) {
		return 0, unix.EINTR
	}
	// A server's file says that it is ready, and then is not.
	type result struct {
		n   int
		err error
	}
	done, tid := make(chan result), make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- unix.Gettid()
		n, err := unix.Read(fd, buf)
		done <- result{n, err}
	}()
	thread := <-tid
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case r := <-done:
			if r.err == unix.EAGAIN || r.err == unix.EINTR && sh.r.interrupts.Load() == sh.interrupts {
				return sh.patiently(fd, buf)
			}
			return r.n, r.err
		case <-tick.C:
			if sh.r.interrupts.Load() != sh.interrupts {
				unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) // of which Go takes no notice
			}
		}
	}
}

// readSome reads what is there, or waits for it.
func readSome(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		default:
			return n, err
		}
	}
}

// regular tells whether a file is of a disk, where reading again gives the same.
func regular(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size > 0
}
