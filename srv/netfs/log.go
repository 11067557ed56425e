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
	lines    *srv.Log

	mu  sync.Mutex
	set map[string]bool
}

func newLog(protos []string) *eventLog {
	l := &eventLog{protos: protos, lines: srv.NewLog(0), set: map[string]bool{}}
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
	return l.set[proto] && l.lines.Followed()
}

// say tells of an event.
func (l *eventLog) say(format string, args ...any) { l.lines.Line(fmt.Sprintf(format, args...)) }

// Wstat accepts what a shell's > does.
func (l *eventLog) Wstat(ctx context.Context, w p9.Wstat) error { return srv.Wstat(ctx, l.File, w) }

// Open opens it.
func (l *eventLog) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, l.File, mode)
	if err != nil {
		return nil, err
	}
	if !mode.Readable() {
		return h, nil
	}
	return &logHandle{h.(srv.Writer), l.lines.Follow(mode)}, nil
}

// A logHandle is log, open for reading.
type logHandle struct {
	srv.Writer
	*srv.LogReader
}
