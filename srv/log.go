package srv

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// logKept is how many lines a Log keeps.
const logKept = 1024

// A Log is a file of lines, of which it keeps the last 1,024: who opens it reads those,
// one by each read, then waits for the next; opened with O_NONBLOCK it has no end but
// EAGAIN. Who reads so slowly that lines went meanwhile reads how many in their place.
type Log struct {
	Node
	mu    sync.Mutex
	lines []string // each with its newline
	next  uint64   // the number of the line that is written next
	open  int
	wake  chan struct{} // closed, and made anew, at each line
}

// NewLog makes an empty log.
func NewLog(mode fs.FileMode) *Log {
	return &Log{Node: NewNode(mode), wake: make(chan struct{})}
}

// Line adds a line as it is, less its newline.
func (l *Log) Line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == logKept {
		copy(l.lines, l.lines[1:])
		l.lines = l.lines[:logKept-1]
	}
	l.lines = append(l.lines, text+"\n")
	l.next++
	close(l.wake)
	l.wake = make(chan struct{})
}

// Say adds a line with the time (RFC 3339, UTC) in front.
func (l *Log) Say(text string) { l.Line(time.Now().UTC().Format("2006-01-02T15:04:05.000Z ") + text) }

// Write adds the lines of p as they are: a Log is what package log and the handlers of
// log/slog write to.
func (l *Log) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.Line(string(bytes.TrimSuffix(line, []byte{'\n'})))
	}
	return len(p), nil
}

// Open gives a reader that begins with the oldest line.
func (l *Log) Open(_ context.Context, mode p9.Mode) (Handle, error) {
	h := l.Follow(mode)
	l.mu.Lock()
	defer l.mu.Unlock()
	h.next = l.next - uint64(len(l.lines))
	return h, nil
}

// Follow gives a reader that begins with the next line.
func (l *Log) Follow(mode p9.Mode) *LogReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	return &LogReader{l: l, next: l.next, nonblock: mode&p9.ONONBLOCK != 0}
}

// Followed tells whether anybody has the log open.
func (l *Log) Followed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open > 0
}

// A LogReader is a Log, open.
type LogReader struct {
	l        *Log
	nonblock bool
	once     sync.Once

	next uint64 // the number of the line that is read next
	rest string // of one that was longer than the read; both under the log's lock
}

// Read gives a line once there is one, or the next part of a long one.
func (h *LogReader) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	for {
		n, wake := h.take(ctx, p)
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case ctx.Err() != nil: // flushed: nothing may be consumed
			return 0, ctx.Err()
		case h.nonblock:
			return 0, p9.ErrorOfErrno(syscall.EAGAIN)
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

func (h *LogReader) take(ctx context.Context, p []byte) (int, <-chan struct{}) {
	l := h.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return 0, nil
	}
	oldest := l.next - uint64(len(l.lines))
	switch {
	case h.rest != "":
	case h.next < oldest:
		h.rest = fmt.Sprintf("%d lines lost\n", oldest-h.next)
		h.next = oldest
	case h.next < l.next:
		h.rest = l.lines[h.next-oldest]
		h.next++
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, l.wake
}

// Clunk ends the reading.
func (h *LogReader) Clunk() {
	h.once.Do(func() {
		h.l.mu.Lock()
		defer h.l.mu.Unlock()
		h.l.open--
	})
}
