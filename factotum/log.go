package factotum

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

const logKept = 1024 // lines

// A journal is the lines that the file log has.
type journal struct {
	srv.Node
	mu    sync.Mutex
	lines []string
	first int           // the number of lines[0]
	wake  chan struct{} // closed, and made anew, at each line
}

func newJournal() *journal { return &journal{Node: srv.NewNode(0o600), wake: make(chan struct{})} }

func (j *journal) put(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) == logKept {
		j.lines = append(j.lines[:0:0], j.lines[logKept/2:]...)
		j.first += logKept / 2
	}
	j.lines = append(j.lines, line)
	close(j.wake)
	j.wake = make(chan struct{})
}

// logf adds a line. What is formatted has no secrets: Attrs see to it for themselves.
func (f *Factotum) logf(format string, a ...any) {
	line := fmt.Sprintf(format, a...)
	f.journal.put(time.Now().Format(time.DateTime) + " " + line)
	if f.cfg.Log != nil {
		f.cfg.Log(line)
	}
}

// Open gives a reader from the oldest line on.
func (j *journal) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &journalReader{j: j}, nil
}

type journalReader struct {
	j    *journal
	mu   sync.Mutex
	next int
	rest string
}

// Read gives the next lines, waiting for one. A line that is longer than the read is
// given in parts.
func (r *journalReader) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	for {
		r.mu.Lock()
		r.j.mu.Lock()
		wake := r.j.wake
		r.next = max(r.next, r.j.first)
		n := 0
		for ctx.Err() == nil && n < len(p) {
			if r.rest == "" {
				i := r.next - r.j.first
				if i == len(r.j.lines) {
					break
				}
				r.rest = r.j.lines[i] + "\n"
				r.next++
			}
			m := copy(p[n:], r.rest)
			n, r.rest = n+m, r.rest[m:]
		}
		r.j.mu.Unlock()
		r.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// quoteLog makes what a stranger said fit for a line.
func quoteLog(s string) string {
	if len(s) > 64 {
		s = s[:64] + "..."
	}
	return strconv.QuoteToASCII(s)
}
