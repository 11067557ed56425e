package top

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What a terminal is told: ECMA-48, and xterm's private modes.
const (
	begin = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the other screen, no cursor, long lines cut
	end   = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	blank = "\x1b[K" // the rest of the line
)

// watch shows the nodes on a terminal until somebody ends it.
func (v *view) watch(ctx context.Context, in, out *os.File) error {
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return err
	}
	restore := func() {
		out.WriteString(end)
		term.Restore(int(in.Fd()), state)
	}
	defer restore()
	out.WriteString(begin)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH, unix.SIGCONT)
	defer signal.Stop(resized)
	stop := make(chan struct{})
	defer close(stop)
	keys, came := make(chan string), make(chan struct{}, 1)
	go readKeys(in, keys, stop)
	look := func() {
		for i, n := range v.nodes {
			n.look(i == v.chosen, func() {
				select {
				case came <- struct{}{}:
				default:
				}
			})
		}
	}
	look()
	next := time.NewTimer(min(v.every, 500*time.Millisecond)) // the first figures soon
	defer next.Stop()
	for {
		if err := v.draw(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-came:
		case s := <-resized:
			if s == unix.SIGCONT {
				if state, err = term.MakeRaw(int(in.Fd())); err != nil {
					return err
				}
				out.WriteString(begin)
			}
		case <-next.C:
			if !v.paused {
				look()
			}
			next.Reset(v.every)
		case k, ok := <-keys:
			switch {
			case !ok || k == "q" || k == "\x03" || k == "\x04":
				return nil
			case k == "\x1a":
				restore()
				syscall.Kill(0, syscall.SIGTSTP)
			case v.key(k):
				look()
			}
		}
	}
}

// key does what a key is for, and tells whether the nodes should be looked at anew.
func (v *view) key(k string) bool {
	was := v.chosen
	switch k {
	case "k", "\x1b[A", "\x1bOA":
		v.chosen = max(0, v.chosen-1)
	case "j", "\x1b[B", "\x1bOB":
		v.chosen = min(len(v.nodes)-1, v.chosen+1)
	case "c", "m", "p", "n":
		v.by = k[0]
	case " ":
		v.paused = !v.paused
	}
	return v.chosen != was
}

// readKeys sends keys, those that are several bytes as one, until the terminal goes or nobody
// takes them. It waits by poll, so that it ends.
func readKeys(in *os.File, keys chan<- string, stop <-chan struct{}) {
	defer close(keys)
	p := make([]byte, 64)
	for {
		fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100)
		select {
		case <-stop:
			return
		default:
		}
		if err == unix.EINTR || err == nil && n == 0 {
			continue
		}
		if n, err = unix.Read(int(in.Fd()), p); n <= 0 {
			if err == unix.EINTR || err == unix.EAGAIN {
				continue
			}
			return
		}
		for rest := p[:n]; len(rest) > 0; {
			k := 1
			if rest[0] == 0x1b && len(rest) >= 3 {
				k = 3
			}
			select {
			case keys <- string(rest[:k]):
			case <-stop:
				return
			}
			rest = rest[k:]
		}
	}
}

// draw writes the screen in one go, each line over what was there.
func (v *view) draw(out *os.File) error {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return err
	}
	colour := os.Getenv("NO_COLOR") == ""
	_, err = out.Write(paint(v.rows(width, height, time.Now()), width, colour))
	return err
}

// paint writes a screen that is so wide. A line is blanked before it is written: behind
// one that fills the screen that would take its last column away.
func paint(rows []row, width int, colour bool) []byte {
	var b bytes.Buffer
	b.WriteString(home)
	for i, r := range rows {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(blank + r.styled(width, colour))
	}
	return b.Bytes()
}
