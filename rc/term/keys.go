package term

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// keys is what the editor reads: the terminal's bytes, one at a time so that the next
// command gets what is typed ahead for it. It takes pastes out, and answers to the
// editor's question where the cursor is, which not all terminals do: in the first
// column.
type keys struct {
	tty *TTY

	mu      sync.Mutex
	pending []byte   // for the editor
	rest    []byte   // behind a paste
	pastes  []string // taken out, each of which pending has a pasteMark for
	gone    bool     // the terminal is
}

const (
	askCursor  = "\x1b[6n"
	tellCursor = "\x1b[1;1R"

	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"

	// pasteMark is a bell, which ends any selection, and shift-tab, which the editor has no
	// use for.
	pasteMark = "\x07\x1b[Z"
)

// longest is how much a paste may be; the rest of it is lost.
const longest = 64 << 20

// Read is the editor's.
func (k *keys) Read(p []byte) (int, error) {
	for {
		k.mu.Lock()
		n := copy(p, k.pending)
		k.pending = k.pending[n:]
		k.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		c, err := k.next()
		if err != nil {
			return 0, err
		}
		out := []byte{c}
		if c == '\x1b' {
			if out, err = k.escape(); err != nil {
				return 0, err
			}
		}
		k.mu.Lock()
		k.pending = append(k.pending, out...)
		k.mu.Unlock()
	}
}

// next gives the terminal's next byte.
func (k *keys) next() (byte, error) {
	if len(k.rest) > 0 {
		c := k.rest[0]
		k.rest = k.rest[1:]
		return c, nil
	}
	var b [1]byte
	if n, err := k.tty.read(b[:]); n <= 0 || err != nil {
		k.mu.Lock()
		k.gone = true
		k.mu.Unlock()
		return 0, io.EOF
	}
	return b[0], nil
}

// escape reads what began with an escape character, and gives it as the editor knows
// it.
func (k *keys) escape() ([]byte, error) {
	c, err := k.next()
	if err != nil {
		return nil, err
	}
	switch c {
	case 0x7f, '\b':
		return []byte{'W' - '@'}, nil // the word to the left
	case '[':
	default:
		return []byte{'\x1b', c}, nil
	}
	seq := []byte("\x1b[")
	for len(seq) < 32 {
		if c, err = k.next(); err != nil {
			return nil, err
		}
		if seq = append(seq, c); c >= 0x40 && c <= 0x7e {
			break
		}
	}
	switch string(seq) {
	case pasteBegin:
		return k.paste()
	case "\x1b[1;5C", "\x1b[5C":
		return []byte("\x1bf"), nil // a word to the right
	case "\x1b[1;5D", "\x1b[5D":
		return []byte("\x1bb"), nil
	}
	if seq[len(seq)-1] == 'R' {
		return nil, nil // nobody asked
	}
	return seq, nil
}

// paste reads up to the end of a paste.
func (k *keys) paste() ([]byte, error) {
	text := k.rest
	k.rest = nil
	buf := make([]byte, 64<<10)
	seen := 0
	for {
		if i := bytes.Index(text[seen:], []byte(pasteEnd)); i >= 0 {
			k.rest = append([]byte(nil), text[seen+i+len(pasteEnd):]...)
			text = text[:seen+i]
			break
		}
		seen = max(0, len(text)-len(pasteEnd))
		if len(text) > longest {
			text = append(text[:longest:longest], text[seen:]...)
			seen = longest
		}
		n, err := k.tty.read(buf)
		if n <= 0 || err != nil {
			k.gone = true
			return nil, io.EOF
		}
		text = append(text, buf[:n]...)
	}
	k.mu.Lock()
	k.pastes = append(k.pastes, clean(string(text)))
	k.mu.Unlock()
	return []byte(pasteMark), nil
}

// clean is a text without what a terminal would take for more than text, and without
// the newlines that it ends in: to run it is for the person to say.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.TrimRight(s, "\n")
}

// pasted gives the next paste that was taken out.
func (k *keys) pasted() (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pastes) == 0 {
		return "", false
	}
	s := k.pastes[0]
	k.pastes = k.pastes[1:]
	return s, true
}

// answer has the editor read what it asked the terminal for.
func (k *keys) answer(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = append([]byte(text), k.pending...)
}

func (k *keys) hungUp() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gone
}
