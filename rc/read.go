package rc

import (
	"bytes"
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// readLines is Plan 9's read(1): it copies a line of the standard input, or of files, or so
// many lines, bytes or runes, and takes no more than that. As a program it could not be had
// from Linux.
func readLines(sh *shell, args []string) error {
	unit, n, words, ok := readFlags(args[1:])
	if !ok {
		sh.sayAt("usage: read [-m | -n lines | -c bytes | -r runes] [file ...]")
		sh.setStatus("usage")
		return nil
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
		eof, err := false, error(nil)
		if unit == 'n' {
			eof, err = sh.copyLines(f, n)
		} else {
			eof, err = sh.copyChars(f, n, unit == 'r')
		}
		switch {
		case err == unix.EINTR:
			sh.setStatus("interrupt")
			return nil
		case err != nil:
			sh.sayAt("read: " + because(err))
			sh.setStatus("read error")
			return nil
		case eof:
			sh.setStatus("eof")
		}
	}
	return nil
}

// readFlags gives how many of a unit the flags of read ask for, n lines, c bytes or r runes, -1
// for all, and the words behind them.
func readFlags(words []string) (unit byte, n int, files []string, ok bool) {
	unit, n = 'n', 1
	for ; len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-'; words = words[1:] {
		number := words[0][2:]
		switch c := words[0][1]; {
		case words[0] == "-m":
			n = -1
			continue
		case c != 'n' && c != 'c' && c != 'r':
			return unit, n, words, false
		case number == "" && len(words) > 1:
			words = words[1:]
			number = words[0]
			fallthrough
		default:
			unit = c
		}
		var err error
		if n, err = strconv.Atoi(number); err != nil || n < 0 {
			return unit, n, words, false
		}
	}
	return unit, n, words, true
}

// copyLines writes n lines of a file, or all for -1. eof tells that there were fewer.
func (sh *shell) copyLines(f *file, n int) (eof bool, err error) {
	for i := 0; i != n; i++ {
		line, err := sh.readLine(f)
		if err == nil && len(line) > 0 {
			err = sh.write(1, line)
		}
		if err != nil || len(line) == 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// copyChars writes n bytes of a file, or runes. eof tells that there were none.
func (sh *shell) copyChars(f *file, n int, runes bool) (eof bool, err error) {
	if f == nil {
		return false, unix.EBADF
	}
	fd, err := f.number()
	if err != nil {
		return false, err
	}
	var begun []byte // a rune
	for left := n; left > 0; {
		size := min(left, 8<<10)
		if len(begun) > 0 {
			size = 1
		}
		buf := make([]byte, size)
		k, err := sh.patiently(fd, buf)
		if err == nil && k > 0 {
			err = sh.write(1, buf[:k])
		}
		if err != nil || k <= 0 {
			return left == n && len(begun) == 0, err
		}
		if !runes {
			left -= k
			continue
		}
		for begun = append(begun, buf[:k]...); utf8.FullRune(begun); left-- {
			_, width := utf8.DecodeRune(begun)
			begun = begun[width:]
		}
	}
	return false, nil
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
