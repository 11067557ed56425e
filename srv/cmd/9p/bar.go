package ninep

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A bar says on standard error how far a copy is: on a terminal a line that changes, from
// when it has taken a while, elsewhere a line every now and then. The libraries that draw
// such lines compile regular expressions before main, for which every command would pay.
type bar struct {
	w           *os.File
	tty         bool
	name        string
	size, done  int64
	began, last time.Time
	shown       bool
}

const (
	redraw   = 100 * time.Millisecond
	quiet    = 500 * time.Millisecond // a copy that takes less has no bar
	tell     = 10 * time.Second
	barWidth = 20
)

func newBar(w *os.File, name string, size int64) *bar {
	now := time.Now()
	return &bar{w: w, tty: term.IsTerminal(int(w.Fd())), name: name, size: size, began: now, last: now}
}

// add counts bytes that were copied.
func (b *bar) add(n int) {
	b.done += int64(n)
	now := time.Now()
	every := tell
	if b.tty {
		every = redraw
		if !b.shown {
			every = quiet
		}
	}
	if now.Sub(b.last) >= every {
		b.last = now
		b.show(now)
	}
}

// end leaves the line as it is.
func (b *bar) end() {
	if b.shown && b.tty {
		b.show(time.Now())
		fmt.Fprintln(b.w)
	}
}

func (b *bar) show(now time.Time) {
	b.shown = true
	text := b.text(now.Sub(b.began))
	if b.tty {
		fmt.Fprintf(b.w, "\r%s\x1b[K", text)
	} else {
		fmt.Fprintln(b.w, text)
	}
}

// text is the line after so much time.
func (b *bar) text(took time.Duration) string {
	rate := float64(b.done) / took.Seconds()
	name := fmt.Sprintf("%.30q", b.name)
	name = name[1 : len(name)-1]
	if b.size < b.done || b.size == 0 { // of a file that does not say how long it is
		return fmt.Sprintf("%s %s %s/s %v", name, amount(float64(b.done)), amount(rate), took.Round(time.Second))
	}
	part := float64(b.done) / float64(b.size)
	full := int(part * barWidth)
	left := time.Duration(float64(b.size-b.done) / max(rate, 1) * float64(time.Second))
	return fmt.Sprintf("%s [%s%s] %3.0f%% of %s %s/s %v left", name, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		100*part, amount(float64(b.size)), amount(rate), left.Round(time.Second))
}

// amount writes a number of bytes for people.
func amount(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 || unit == "GiB" {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return ""
}
