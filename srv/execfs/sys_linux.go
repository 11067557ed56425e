package execfs

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// child is a siginfo_t as SIGCHLD and waitid(2) have it: the union after the first
// three words is aligned to a pointer.
type child struct {
	signo, errno, code int32
	_                  [0]uintptr
	pid, uid           int32
	status             int32
}

// statusOf gives the words for what waitid said of a process that has ended.
func statusOf(info *unix.Siginfo) string {
	const exited, dumped = 1, 3 // CLD_EXITED, CLD_DUMPED
	c := (*child)(unsafe.Pointer(info))
	ws := syscall.WaitStatus(c.status)
	switch c.code {
	case exited:
		ws <<= 8
	case dumped:
		ws |= 0x80
	}
	return srv.StatusText(ws)
}

// typeEnd types a terminal's end-of-file character at its master side, if what reads
// the terminal would take it as that. In the middle of a line the first one only
// hands over the line. A terminal whose input is full gets none.
func typeEnd(master *os.File, atStart bool) {
	rc, err := master.SyscallConn()
	if err != nil {
		return
	}
	rc.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil || t.Lflag&unix.ICANON == 0 {
			return
		}
		end := []byte{t.Cc[unix.VEOF], t.Cc[unix.VEOF]}
		if atStart {
			end = end[:1]
		}
		unix.Write(int(fd), end)
	})
}
