package node

import (
	"fmt"
	"io"
	"sync"
)

// logSize is how much of the log is kept.
const logSize = 64 << 10

// A Log is what a node has said: lines, of which the last are kept and each is written to
// the console.
type Log struct {
	mu      sync.Mutex
	console io.Writer
	kept    []byte
}

// NewLog begins a log.
func NewLog(console io.Writer) *Log { return &Log{console: console} }

// Printf adds a line.
func (l *Log) Printf(format string, a ...any) {
	fmt.Fprintf(l, format+"\n", a...)
}

// Write adds whole lines, as a service's standard error.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - logSize; over > logSize {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	l.console.Write(p)
	return len(p), nil
}

// String is what is kept, from the beginning of a line.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.kept
	if over := len(b) - logSize; over > 0 {
		b = b[over:]
		for i, c := range b {
			if c == '\n' {
				return string(b[i+1:])
			}
		}
	}
	return string(b)
}
