package netfs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An eventLog is the file log: who has it open reads what happens from then on in the
// protocols that were set.
type eventLog struct {
	srv.File // the commands
	protos   []string

	mu      sync.Mutex
	set     map[string]bool
	readers map[*logHandle]bool
}

// maxEvents is how many a reader may leave unread.
const maxEvents = 1024

func newLog(protos []string) *eventLog {
	l := &eventLog{protos: protos, set: map[string]bool{}, readers: map[*logHandle]bool{}}
	l.File = srv.Cmds(0o600, nil, map[string]func(context.Context, []string) error{
		"set":   func(_ context.Context, args []string) error { return l.change(args, true) },
		"clear": func(_ context.Context, args []string) error { return l.change(args, false) },
	})
	return l
}

// change sets or clears protocols, all where none is named.
func (l *eventLog) change(names []string, on bool) error {
	if len(names) == 0 {
		names = l.protos
	}
	for _, n := range names {
		if !slices.Contains(l.protos, n) {
			return invalid("bad protocol %s: not one of %s", srv.Quote(n), strings.Join(l.protos, ", "))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names {
		l.set[n] = on
	}
	return nil
}

// wanted reports whether somebody reads of a protocol.
func (l *eventLog) wanted(proto string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set[proto] && len(l.readers) > 0
}

// say tells of an event.
func (l *eventLog) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Sprintf(format, args...) + "\n"
	for h := range l.readers {
		select {
		case h.lines <- line:
		default: // who does not read loses some, and holds up nobody
		}
	}
}

// Wstat accepts what a shell's > does.
func (l *eventLog) Wstat(ctx context.Context, w p9.Wstat) error { return srv.Wstat(ctx, l.File, w) }

// Open opens it.
func (l *eventLog) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, l.File, mode)
	if err != nil {
		return nil, err
	}
	r := &logHandle{Writer: h.(srv.Writer), l: l, lines: make(chan string, maxEvents)}
	if mode.Readable() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.readers[r] = true
	}
	return r, nil
}

// A logHandle is a fid of log.
type logHandle struct {
	srv.Writer
	l     *eventLog
	lines chan string
	mu    sync.Mutex
	rest  string
}

// Read gives the next event, a line, once there is one.
func (h *logHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	if n := copy(p, h.rest); n > 0 {
		h.rest = h.rest[n:]
		h.mu.Unlock()
		return n, nil
	}
	h.mu.Unlock()
	select {
	case line := <-h.lines:
		n := copy(p, line)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rest += line[n:]
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Clunk ends the reading.
func (h *logHandle) Clunk() {
	h.l.mu.Lock()
	defer h.l.mu.Unlock()
	delete(h.l.readers, h)
}
