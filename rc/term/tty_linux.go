package term

import (
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/rc"
)

// A TTY is a terminal that a shell is typed to. If it is the controlling terminal of
// the process it can be an [rc.Terminal], for job control.
type TTY struct {
	fd      int // that is read
	out     int
	control bool

	mu    sync.Mutex
	saved unix.Termios // how it is for commands
}

// Open gives the terminal that in and out are, which may be open for reading and writing
// only; its error is that in is none. A process in the
// background of it is stopped, as by reading from it, until somebody brings it to
// the foreground.
func Open(in, out *os.File) (*TTY, error) {
	t := &TTY{fd: int(in.Fd()), out: int(out.Fd())}
	if _, err := unix.IoctlGetTermios(t.fd, unix.TCGETS); err != nil {
		return nil, err
	}
	const tries = 100 // nobody stops an orphan: kill has no effect
	for range tries {
		group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
		if err != nil {
			break // it is not the controlling one
		}
		if group == unix.Getpgrp() {
			t.control = true
			break
		}
		unix.Kill(0, unix.SIGTTIN)
	}
	m, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	t.saved = *m
	return t, nil
}

// Jobs gives the terminal for job control, nil if it is not the controlling one. From then
// on nothing stops the process.
func (t *TTY) Jobs() rc.Terminal {
	if !t.control {
		return nil
	}
	// Caught and not ignored, so that programs have their defaults.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	return t
}

// Give makes a group the one in the foreground.
func (t *TTY) Give(group int, modes rc.Modes) {
	m, ok := modes.(*unix.Termios)
	if !ok {
		saved := t.modes()
		m = &saved
	}
	// In this order: a program that sets modes itself is stopped until it is in the
	// foreground.
	t.set(m)
	t.foreground(group)
}

// Take makes the shell's own group that one. That ^Z is no signal then is for the
// programs in that group, which could not be waited for if they stopped, the shell's
// children before they have a group of their own among them.
func (t *TTY) Take() rc.Modes {
	m := t.modes()
	m.Cc[unix.VSUSP] = 0
	return t.take(&m)
}

// Rest is Take for the time in which nothing runs.
func (t *TTY) Rest() {
	m := t.modes()
	t.take(&m)
	if flags, err := unix.FcntlInt(uintptr(t.fd), unix.F_GETFL, 0); err == nil && flags&unix.O_NONBLOCK != 0 {
		unix.FcntlInt(uintptr(t.fd), unix.F_SETFL, flags&^unix.O_NONBLOCK)
	}
}

// take takes the terminal, sets it and tells how it was set.
func (t *TTY) take(m *unix.Termios) rc.Modes {
	was, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	if err != nil {
		return nil
	}
	if *was != *m {
		t.set(m)
	}
	t.foreground(unix.Getpgrp())
	return was
}

// modes gives how the terminal is to be set.
func (t *TTY) modes() unix.Termios {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.saved
}

// Keep makes modes what the others set.
func (t *TTY) Keep(modes rc.Modes) {
	if m, ok := modes.(*unix.Termios); ok {
		t.mu.Lock()
		t.saved = *m
		t.mu.Unlock()
		t.Take()
	}
}

// Gone tells whether it has hung up: a read would give its end at once.
func (t *TTY) Gone() bool {
	polls := [1]unix.PollFd{{Fd: int32(t.fd)}}
	n, err := unix.Poll(polls[:], 0)
	return err == nil && n == 1 && polls[0].Revents&unix.POLLHUP != 0
}

func (t *TTY) foreground(group int) {
	if t.control {
		unstopped(func() { unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) })
	}
}

func (t *TTY) set(m *unix.Termios) {
	unstopped(func() { unix.IoctlSetTermios(t.fd, unix.TCSETS, m) })
}

// unstopped runs what sets a terminal, which stops a process in the background unless it
// has the signal for that blocked.
func unstopped(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old unix.Sigset_t
	block := unix.Sigset_t{}
	const bits = uint(8 * 8)
	block.Val[(uint(syscall.SIGTTOU)-1)/bits] |= 1 << ((uint(syscall.SIGTTOU) - 1) % bits)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &old); err == nil {
		defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	}
	do()
}

// raw has keys come as they are pressed. Return is newline, so that what is typed
// ahead is right for the command that reads it.
func (t *TTY) raw() error {
	m, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	if err != nil {
		return err
	}
	m.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.IXON
	m.Iflag |= unix.ICRNL
	m.Oflag |= unix.OPOST | unix.ONLCR
	m.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	m.Cflag = m.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	m.Cc[unix.VMIN], m.Cc[unix.VTIME] = 1, 0
	t.set(m)
	return nil
}

// cooked ends raw.
func (t *TTY) cooked() error {
	m := t.modes()
	t.set(&m)
	return nil
}

// size gives columns and rows.
func (t *TTY) size() (width, height int) {
	ws, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 || ws.Row == 0 {
		return 80, 24
	}
	return int(ws.Col), int(ws.Row)
}

// read reads what has been typed.
func (t *TTY) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(t.fd, p)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}, -1)
		default:
			return n, err
		}
	}
}

func (t *TTY) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		k, err := unix.Write(t.out, p[n:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(t.out), Events: unix.POLLOUT}}, -1)
		case err != nil:
			return n, err
		default:
			n += k
		}
	}
	return len(p), nil
}

// onResize calls a function when the size changes, until the one it gives is called.
func (t *TTY) onResize(f func()) (end func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-c:
				f()
			case <-quit:
				return
			}
		}
	})
	return func() {
		signal.Stop(c)
		close(quit)
		done.Wait()
	}
}
