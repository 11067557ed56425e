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
	After string // at a newline: the token before it on its line, "" for none
	What  string
	End   bool // the text ended too early: more of it might have made it right
}

// Error gives the error as rc has it, t.rc:3: token ')': syntax error, but says what a newline
// came too soon after: t.rc:3: newline after for: syntax error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name + ":")
	} else {
		b.WriteString("line ")
	}
	b.WriteString(strconv.Itoa(int(e.Pos.Line)) + ": ")
	switch {
	case e.Token == "\n" && e.After == "":
		b.WriteString("newline: ")
	case e.Token == "\n":
		b.WriteString("newline after " + Quote(e.After) + ": ")
	case e.Token != "":
		b.WriteString("token " + Quote(e.Token) + ": ")
	}
	b.WriteString(e.What)
	return b.String()
}

// fail gives up the line for what is found at the next byte.
func (p *Parser) fail(what string) {
	at := p.at()
	if p.peek() != 0 {
		e := &Error{Name: p.name, Pos: at, What: what}
		if e.Token = p.token(); e.Token == "\n" {
			e.After = p.previous()
		}
		panic(e)
	}
	switch {
	case errors.Is(p.err, io.EOF):
		if o := p.open; o.c != 0 && o.line != at.Line {
			what += ": the " + string(o.c) + " of line " + strconv.Itoa(int(o.line)) + " is open"
		}
		panic(&Error{Name: p.name, Pos: at, Token: "EOF", What: what, End: true})
	case errors.Is(p.err, errNUL):
		panic(&Error{Name: p.name, Pos: at, What: "NUL byte"})
	}
	panic(p.err)
}

// An opener is the innermost bracket that waits for another, or a quote.
type opener struct {
	c    byte
	line int32
}

// failAt gives up the line for what began before.
func (p *Parser) failAt(at Pos, what string) { panic(&Error{Name: p.name, Pos: at, What: what}) }

// long is how much of a token an error shows.
const long = 64

// token gives the token that is next, for an error.
func (p *Parser) token() string {
	switch c := p.peek(); c {
	case '\n':
		return "\n"
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
	if len(s) > long {
		s = s[:long]
	}
	return s
}

// previous gives the token that the line has before the next byte and any comment there,
// its end if it is long.
func (p *Parser) previous() string {
	s := p.behind()
	if p.remarked == p.line {
		s = p.remark
	}
	s = strings.TrimRight(s, " \t")
	if s == "" {
		return ""
	}
	last := len(s) - 1
	if s[last] == '\'' {
		return s[max(strings.LastIndexByte(s[:last], '\''), 0):]
	}
	i := last
	for i > 0 && class[s[i]]&isWord != 0 && class[s[i-1]]&isWord != 0 {
		i--
	}
	return s[i:]
}

// behind gives the end of what is consumed of the line.
func (p *Parser) behind() string {
	s := p.in[max(p.pos-long, 0):p.pos]
	if len(s) < long {
		s = p.gone + s
		s = s[max(len(s)-long, 0):]
	}
	return s[strings.LastIndexByte(s, '\n')+1:]
}
