package term

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ergochat/readline"
)

// edit is what the editor cannot do by itself: lines within a text, pastes, the words
// that may complete one. The editor calls its methods from the goroutine that
// reads a line.
type edit struct {
	e    *Editor
	line []rune // as it was last told
	pos  int

	// what has to be done to the line when the editor has done nothing for a key
	op func(line []rune, pos int) ([]rune, int)

	searching bool
	menu      bool // there are several words to choose from
	choosing  bool // with the keys of the menu

	aside []string // what signs of the line stand for
}

// Signs, of the private use area: a newline of the history, which is searched by
// line, and texts too long to show.
const (
	newlineSign = '\uf7ff'
	firstAside  = '\uf800'
	lastAside   = '\uf8ff'
)

// nothing is a key that the editor does nothing for but to tell of it.
const nothing = readline.MetaShiftTab

func (d *edit) reset() {
	d.line, d.pos, d.op = nil, 0, nil
	d.searching, d.menu, d.choosing = false, false, false
	d.aside = nil
}

// filter is told each key, and says what the editor is to take it for.
func (d *edit) filter(r rune) (rune, bool) {
	if d.choosing && r != nothing {
		switch r {
		case readline.CharLineStart, readline.CharLineEnd, readline.CharTab, readline.CharForward, readline.CharNext,
			readline.CharBackward, readline.CharPrev, 'j', 'J', 'k', 'K':
			return r, true
		case readline.CharEnter, readline.CharCtrlJ:
			d.choosing, d.menu = false, false
			return r, true
		}
		d.choosing = false
	}
	switch r {
	case nothing:
		if text, ok := d.e.keys.pasted(); ok {
			d.searching = false
			d.op = func(line []rune, pos int) ([]rune, int) { return d.insert(line, pos, text) }
		}
	case readline.CharEnter, readline.CharCtrlJ:
		if !d.searching && d.goesOn() {
			d.op = func(line []rune, pos int) ([]rune, int) { return d.insert(line, pos, "\n") }
			return nothing, true
		}
	case readline.CharBckSearch, readline.CharFwdSearch:
		d.searching = true
	case readline.CharBackspace, readline.CharCtrlH:
	case readline.CharTab:
		if d.menu {
			d.choosing = true
		}
		d.searching = false
	case readline.CharPrev, readline.CharNext, readline.CharLineStart, readline.CharLineEnd:
		if d.searching = false; d.within(r) {
			return nothing, true
		}
	default:
		if r < ' ' && r >= 0 && !d.knows(r) {
			return 0, false
		}
		if r < ' ' {
			d.searching = false
		}
	}
	return r, true
}

// knows tells whether a control character is a command of the editor. It would stop
// the shell for ^Z.
func (d *edit) knows(r rune) bool {
	switch r {
	case readline.CharBackward, readline.CharInterrupt, readline.CharEOT, readline.CharForward, readline.CharBell,
		readline.CharKill, readline.CharCtrlL, readline.CharTranspose, readline.CharCtrlU, readline.CharCtrlW,
		readline.CharCtrlY, readline.CharCtrl_:
		return true
	}
	return false
}

// goesOn tells whether return begins another line of the text: it is at the end of a
// command that is not complete, and there is room.
func (d *edit) goesOn() bool {
	_, height := d.e.tty.size()
	text := d.e.sofar + d.text(string(d.line)) + "\n"
	return slices.Contains(d.line, '\n') && d.pos < len(d.line) && unfinished(text) ||
		strings.Count(string(d.line), "\n")+3 < height && unfinished(text)
}

// within is a key that moves between or in the lines of a text of several.
func (d *edit) within(r rune) bool {
	if !slices.Contains(d.line, '\n') {
		return false
	}
	start := d.pos
	for start > 0 && d.line[start-1] != '\n' {
		start--
	}
	end := d.pos
	for end < len(d.line) && d.line[end] != '\n' {
		end++
	}
	to := start
	switch r {
	case readline.CharLineEnd:
		to = end
	case readline.CharPrev:
		if start == 0 {
			return false
		}
		above := start - 1
		for above > 0 && d.line[above-1] != '\n' {
			above--
		}
		to = min(above+d.pos-start, start-1)
	case readline.CharNext:
		if end == len(d.line) {
			return false
		}
		below := end + 1
		for below < len(d.line) && d.line[below] != '\n' {
			below++
		}
		to = min(end+1+d.pos-start, below)
	}
	d.op = func(line []rune, pos int) ([]rune, int) { return line, to }
	return true
}

// insert puts a text into the line, a sign for it if it is too long.
func (d *edit) insert(line []rune, pos int, text string) ([]rune, int) {
	if d.tooLong(text) && len(d.aside) < lastAside-firstAside {
		d.aside = append(d.aside, text)
		text = string(firstAside + rune(len(d.aside)-1))
	}
	add := []rune(text)
	return slices.Concat(line[:pos], add, line[pos:]), pos + len(add)
}

// tooLong tells whether a text has no room on the screen.
func (d *edit) tooLong(text string) bool {
	width, height := d.e.tty.size()
	return strings.Count(text, "\n")+len(text)/width > height/2
}

// listen is told the line after each key, and may change it.
func (d *edit) listen(line []rune, pos int, key rune) ([]rune, int, bool) {
	changed := false
	if op := d.op; op != nil && key == nothing {
		d.op = nil
		line, pos = op(line, pos)
		changed = true
	}
	if !d.searching && slices.Contains(line, newlineSign) {
		changed = true
		text := strings.ReplaceAll(string(line), string(newlineSign), "\n")
		if d.tooLong(text) {
			line, pos = d.insert(nil, 0, text)
		} else {
			line = []rune(text)
		}
	}
	d.line, d.pos = line, pos
	return line, pos, changed
}

// text is what a line stands for.
func (d *edit) text(line string) string {
	if !strings.ContainsFunc(line, func(r rune) bool { return r >= newlineSign && r <= lastAside }) {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		switch i := int(r - firstAside); {
		case r == newlineSign:
			b.WriteByte('\n')
		case i >= 0 && i < len(d.aside):
			b.WriteString(d.aside[i])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// paint is how a line is shown: as many characters of the same widths.
func (d *edit) paint(line []rune, _ int) []rune {
	if !slices.ContainsFunc(line, func(r rune) bool { return r >= newlineSign && r <= lastAside || r == utf8.RuneError }) {
		return line
	}
	line = slices.Clone(line)
	for i, r := range line {
		switch {
		case r == newlineSign:
			line[i] = '⏎'
		case r >= firstAside && r < firstAside+rune(len(d.aside)):
			line[i] = '▤'
		}
	}
	return line
}
