package devfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A stream is a device that is read as things happen, open: a terminal, the kernel's
// messages, input.
type stream struct {
	file     *os.File
	nonblock bool
	turn     chan struct{} // has one while a read goes on

	text func(record []byte) string // makes what is read; nil: it is read as it is
	rest string                     // of the last text
}

func openStream(name string, flags int, mode p9.Mode, text func([]byte) string) (*stream, error) {
	f, err := os.OpenFile(name, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, cause(err)
	}
	return &stream{file: f, nonblock: mode&p9.ONONBLOCK != 0, turn: make(chan struct{}, 1), text: text}, nil
}

// Descriptor marks that it holds one.
func (s *stream) Descriptor() {}

// Clunk ends reads too.
func (s *stream) Clunk() { s.file.Close() }

// Read waits for what comes next.
func (s *stream) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.text == nil {
		return s.next(ctx, p)
	}
	for s.rest == "" {
		record := make([]byte, 8192) // as long as one of Linux's messages
		n, err := s.next(ctx, record)
		if errors.Is(err, syscall.EPIPE) { // some were overwritten
			continue
		}
		if n <= 0 || err != nil {
			return 0, err
		}
		s.rest = s.text(record[:n])
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next does one read, which ends when ctx does. The poller's deadline is what ends it, so
// that it either takes bytes or does nothing.
func (s *stream) next(ctx context.Context, p []byte) (int, error) {
	if s.nonblock {
		rc, err := s.file.SyscallConn()
		if err != nil {
			return 0, cause(err)
		}
		n := 0
		cerr := rc.Control(func(fd uintptr) { n, err = unix.Read(int(fd), p) })
		return max(n, 0), cause(errors.Join(err, cerr))
	}
	s.file.SetReadDeadline(time.Time{}) // what can't be polled never waits
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.file.SetReadDeadline(time.Unix(1, 0))
		close(fired)
	})
	n, err := s.file.Read(p)
	if !stop() {
		<-fired
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, ctx.Err()
	}
	return n, cause(err)
}

// Write writes to a device that was opened for it.
func (s *stream) Write(_ context.Context, p []byte, _ int64) (int, error) {
	n, err := s.file.Write(p)
	return n, cause(err)
}

// A reader is a stream that is only read.
type reader struct{ *stream }

// Write is refused.
func (reader) Write(context.Context, []byte, int64) (int, error) { return 0, p9.ErrPerm }

func (f *FS) openKmesg(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	s, err := openStream(f.cfg.Dev+"/kmsg", unix.O_RDONLY, mode, messageText)
	if err != nil {
		return nil, err
	}
	return reader{s}, nil
}

// openKprint is openKmesg behind what has been said so far.
func (f *FS) openKprint(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := f.openKmesg(ctx, mode)
	if err != nil {
		return nil, err
	}
	if _, err := h.(reader).file.Seek(0, io.SeekEnd); err != nil {
		srv.Clunk(h)
		return nil, cause(err)
	}
	return h, nil
}

// messageText makes lines of a record of /dev/kmsg: its time and text.
func messageText(record []byte) string {
	head, text, ok := strings.Cut(string(record), ";")
	f := strings.Split(head, ",")
	if !ok || len(f) < 3 {
		return string(record)
	}
	us, _ := strconv.ParseInt(f[2], 10, 64)
	text, _, _ = strings.Cut(text, "\n") // what follows says of which device it is
	return fmt.Sprintf("[%5d.%06d] %s\n", us/1e6, us%1e6, text)
}

func (f *FS) openInput(name string) func(context.Context, p9.Mode) (srv.Handle, error) {
	return func(_ context.Context, mode p9.Mode) (srv.Handle, error) {
		s, err := openStream(f.cfg.Dev+"/input/"+name, unix.O_RDONLY, mode, eventText)
		if err != nil {
			return nil, err
		}
		return reader{s}, nil
	}
}

// An event is a struct input_event of linux/input.h.
type event struct {
	at         unix.Timeval
	kind, code uint16
	value      int32
}

var eventKinds = [...]string{1: "key", 2: "rel", 3: "abs", 4: "msc", 5: "sw", 17: "led", 18: "snd"}

// eventText makes lines of events; those that only part others are left out.
func eventText(b []byte) string {
	var s strings.Builder
	for size := int(unsafe.Sizeof(event{})); len(b) >= size; b = b[size:] {
		var e event
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), size), b)
		if e.kind == 0 {
			continue
		}
		kind := strconv.Itoa(int(e.kind))
		if int(e.kind) < len(eventKinds) && eventKinds[e.kind] != "" {
			kind = eventKinds[e.kind]
		}
		fmt.Fprintf(&s, "%d.%06d %s %d %d\n", e.at.Sec, e.at.Usec, kind, e.code, e.value)
	}
	return s.String()
}

func (f *FS) openCons(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	if f.cfg.Cons == "" {
		return nil, p9.NewError(syscall.ENXIO, "no console")
	}
	flags := map[bool]int{false: unix.O_RDONLY, true: unix.O_RDWR}[mode.Writable()]
	s, err := openStream(f.cfg.Cons, flags, mode, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// consctl is the file, open.
type consctl struct {
	f   *FS
	tty *os.File
	old *unix.Termios // of before rawon
}

func (f *FS) openConsctl(context.Context, p9.Mode) (srv.Handle, error) {
	if f.cfg.Cons == "" {
		return nil, p9.NewError(syscall.ENXIO, "no console")
	}
	tty, err := os.OpenFile(f.cfg.Cons, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, cause(err)
	}
	return &consctl{f: f, tty: tty}, nil
}

// Descriptor marks that it holds one.
func (c *consctl) Descriptor() {}

// Clunk ends raw mode.
func (c *consctl) Clunk() {
	c.raw(false)
	c.tty.Close()
}

func (c *consctl) Write(_ context.Context, p []byte, _ int64) (int, error) {
	var err error
	switch word := strings.TrimSpace(string(p)); word {
	case "rawon", "rawoff":
		err = c.raw(word == "rawon")
	default:
		err = invalid("unknown control message %s: not one of rawoff, rawon", srv.Quote(word))
	}
	if err != nil {
		return 0, cause(err)
	}
	return len(p), nil
}

// raw has characters come as they are typed, termios(3), or as before.
func (c *consctl) raw(on bool) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	fd := int(c.tty.Fd())
	if !on {
		if c.old == nil {
			return nil
		}
		t := c.old
		c.old = nil
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil || c.old != nil {
		return err
	}
	old := *t
	c.old = &old
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
