package syntax

import (
	"errors"
	"strings"
)

// The parser has no tokens between itself and the text: what a byte means
// depends too much on where it stands, and most words are found by one loop over
// a table. Words are pieces of the text and are not copied, unless they go over
// the end of a piece.

// What a byte may be.
const (
	isWord  = 1 << iota // part of a word
	isName              // part of an unquoted name after $
	isMeta              // * ? [: a pattern if it is not quoted
	isEqual             // =, part of a word unless that is the first of a command
)

const (
	w = isWord
	n = isWord | isName
	p = isWord | isMeta
	q = isWord | isName | isMeta
	e = isEqual
)

// class is a table that nobody has to fill when the program starts. The byte Mark
// is a meta for needing a mark too.
var class = [256]uint8{
	0, p, w, w, w, w, w, w, w, 0, 0, w, w, w, w, w,
	w, w, w, w, w, w, w, w, w, w, w, w, w, w, w, w,
	0, w, w, 0, 0, w, 0, 0, 0, 0, q, w, w, w, w, w,
	n, n, n, n, n, n, n, n, n, n, w, 0, 0, e, 0, p,
	w, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, p, w, w, 0, n,
	0, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, 0, 0, 0, w, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
	n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
}

// peek gives the next byte, 0 at the end.
func (p *Parser) peek() byte {
	if p.pos < len(p.in) {
		return p.in[p.pos]
	}
	return p.peekMore(0)
}

// peekAt gives the byte n after the next one.
func (p *Parser) peekAt(n int) byte {
	if p.pos+n < len(p.in) {
		return p.in[p.pos+n]
	}
	return p.peekMore(n)
}

func (p *Parser) peekMore(n int) byte {
	for p.fill() {
		if p.pos+n < len(p.in) {
			return p.in[p.pos+n]
		}
	}
	return 0
}

// fill appends a piece to the text that is not consumed yet, of which there is
// little. It tells whether there was one; if not, it is the end, or a NUL byte.
func (p *Parser) fill() bool {
	for p.err == nil {
		next := p.beyond
		if p.beyond = nil; next == nil {
			s, err := p.src.Read(p.begun)
			next = &piece{s, err}
		}
		s := next.text
		p.err = next.err
		if i := strings.IndexByte(s, 0); i >= 0 {
			next.text = s[i+1:]
			s, p.beyond, p.err = s[:i], next, errNUL
		}
		if s != "" {
			p.gone = p.behind()
			p.bol -= p.pos
			p.in = p.in[p.pos:] + s
			p.pos = 0
			p.begun = true
			return true
		}
	}
	return false
}

// A piece is what a Source gave at once.
type piece struct {
	text string
	err  error
}

var errNUL = errors.New("NUL byte")

// at is the place of the next byte.
func (p *Parser) at() Pos { return Pos{p.line, int32(p.pos-p.bol) + 1} }

// newline consumes the newline that is next.
func (p *Parser) newline() {
	p.pos++
	p.line++
	p.bol = p.pos
}

// blank skips blanks, comments and continued lines.
func (p *Parser) blank() {
	for {
		for p.pos < len(p.in) && (p.in[p.pos] == ' ' || p.in[p.pos] == '\t') {
			p.pos++
		}
		switch p.peek() {
		case ' ', '\t':
		case '\\':
			if p.peekAt(1) != '\n' {
				return
			}
			p.pos++
			p.newline()
		case '#':
			p.comment()
		default:
			return
		}
	}
}

// blankLines skips blanks and newlines, where the command goes on behind them.
func (p *Parser) blankLines() {
	for p.blank(); p.peek() == '\n'; p.blank() {
		p.newline()
	}
}

// comment consumes a comment up to its newline.
func (p *Parser) comment() {
	place := Place{p.at()}
	p.remark, p.remarked = p.behind(), p.line
	s := p.span(lineEnd)
	if p.keep {
		p.comments = append(p.comments, Comment{place, strings.TrimRight(s, " \t\r")})
	}
}

func lineEnd(s string) int { return strings.IndexByte(s, '\n') }

// span consumes the text up to where end finds its end, -1 for not in this piece.
// It is all of the text if that has none.
func (p *Parser) span(end func(string) int) string {
	var acc []byte
	for {
		s := p.in[p.pos:]
		i := end(s)
		if i >= 0 {
			s = s[:i]
		}
		p.pos += len(s)
		if i < 0 && p.fill() {
			acc = append(acc, s...)
			continue
		}
		if acc == nil {
			return s
		}
		return string(append(acc, s...))
	}
}

// run consumes the bytes that are of the classes in mask, and tells all classes
// that were among them. A \ before a newline ends it, one before another is part of
// it with that.
func (p *Parser) run(mask uint8) (string, uint8) {
	var acc []byte
	all := uint8(0)
	start := p.pos
	for {
		i := p.pos
		for i < len(p.in) && class[p.in[i]]&mask != 0 && p.in[i] != '\\' {
			all |= class[p.in[i]]
			i++
		}
		p.pos = i
		if i < len(p.in) {
			if p.in[i] != '\\' || mask&isWord == 0 || p.continued(&acc, &start) {
				break
			}
			continue
		}
		s := p.in[start:]
		if !p.fill() {
			break
		}
		acc = append(acc, s...)
		start = 0
	}
	s := p.in[start:p.pos]
	if acc != nil {
		s = string(append(acc, s...))
	}
	return s, all
}

// continued is run's at a \: it tells whether a newline is behind that, and
// consumes it if not.
func (p *Parser) continued(acc *[]byte, start *int) bool {
	if p.pos+1 == len(p.in) { // another piece replaces this one
		*acc = append(*acc, p.in[*start:p.pos]...)
		*start = p.pos
		if p.fill() {
			*start = 0
		}
	}
	switch {
	case p.pos+1 == len(p.in):
		p.pos++
	case p.in[p.pos+1] == '\n':
		return true
	case p.in[p.pos+1] == '\\':
		p.pos += 2
	default:
		p.pos++
	}
	return false
}

// quoted consumes a quoted string, the first quote of which is next.
func (p *Parser) quoted() string {
	p.pos++
	if i := strings.IndexByte(p.in[p.pos:], '\''); i >= 0 && p.pos+i+1 < len(p.in) && p.in[p.pos+i+1] != '\'' {
		s := p.in[p.pos : p.pos+i]
		p.lines(s, p.pos)
		p.pos += i + 1
		return s
	}
	var acc []byte
	start := p.line
	for {
		s := p.in[p.pos:]
		i := strings.IndexByte(s, '\'')
		if i >= 0 {
			s = s[:i]
		}
		p.lines(s, p.pos)
		p.pos += len(s)
		acc = append(acc, s...)
		switch {
		case i < 0 && !p.fill():
			p.open = opener{'\'', start}
			p.fail("syntax error")
		case i < 0:
		case p.peekAt(1) != '\'':
			p.pos++
			return string(acc)
		default:
			acc = append(acc, '\'')
			p.pos += 2
		}
	}
}

// lines counts the newlines of s, a piece of the text that begins at off.
func (p *Parser) lines(s string, off int) {
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		p.line += int32(strings.Count(s, "\n"))
		p.bol = off + i + 1
	}
}
