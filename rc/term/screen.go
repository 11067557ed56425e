package term

import (
	"strings"
	"sync"
)

// screen is what the editor writes to. It knows one line of a prompt: those before it are
// written again here when it clears the screen.
type screen struct {
	tty  *TTY
	keys *keys

	mu      sync.Mutex
	before  string // the prompt up to its last line
	cleared bool   // just now
}

const clearScreen = "\x1b[H\x1b[J"

// prompt says what stands before the line that the editor knows.
func (s *screen) prompt(before string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := string(p)
	switch {
	case out == clearScreen:
		out += s.before
	case s.cleared && strings.HasPrefix(out, "\x1b["):
		// It goes up from where the cursor was to where the text begins, which is here.
		if n := control(out); out[n-1] == 'A' {
			out = out[n:]
		}
	case strings.Contains(out, askCursor):
		s.keys.answer(tellCursor)
		out = strings.Replace(out, askCursor, "", 1)
	}
	s.cleared = string(p) == clearScreen
	if _, err := s.tty.Write([]byte(out)); err != nil {
		return 0, err
	}
	return len(p), nil
}
