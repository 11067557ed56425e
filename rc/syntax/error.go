package syntax

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// An Error is what is wrong with a program, and where.
type Error struct {
	Name  string // the parser's
	Pos   Pos
	Token string // at which it was found; "EOF" for the end, "" for none
	What  string
	End   bool // the text ended too early: more of it might have made it right
}

// Error gives the error as rc has it: t.rc:3: token ')': syntax error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name + ":")
	} else {
		b.WriteString("line ")
	}
	b.WriteString(strconv.Itoa(int(e.Pos.Line)) + ": ")
	if e.Token != "" {
		b.WriteString("token " + Quote(e.Token) + ": ")
	}
	b.WriteString(e.What)
	return b.String()
}

// fail gives up the line for what is found at the next byte.
func (p *Parser) fail(what string) {
	at := p.at()
	if p.peek() != 0 {
		panic(&Error{p.name, at, p.token(), what, false})
	}
	switch {
	case errors.Is(p.err, io.EOF):
		panic(&Error{p.name, at, "EOF", what, true})
	case errors.Is(p.err, errNUL):
		panic(&Error{p.name, at, "", "NUL byte", false})
	}
	panic(p.err)
}

// failAt gives up the line for what began before.
func (p *Parser) failAt(at Pos, what string) { panic(&Error{p.name, at, "", what, false}) }

// token gives the token that is next, for an error.
func (p *Parser) token() string {
	switch c := p.peek(); c {
	case '\n':
		return ""
	case '&', '|', '<', '>':
		if d := p.peekAt(1); d == c || c == '<' && d == '>' {
			return string([]byte{c, d})
		}
		return string(c)
	default:
		if class[c]&isWord == 0 {
			return string(c)
		}
	}
	s, _ := p.run(isWord)
	const long = 64
	if len(s) > long {
		s = s[:long]
	}
	return s
}
