package syntax

import (
	"errors"
	"io"
)

// A Parser gives the commands of a Source. Its state is that of one input: a
// script, a terminal, the text of an eval.
type Parser struct {
	name string
	src  Source
	err  error // why there is no more text

	beyond *piece // what is behind a NUL byte, where the text ends

	in    string // the text at hand
	pos   int    // what of it is consumed
	bol   int    // where in it the line began; may be negative
	line  int32
	begun bool // text of the command that is parsed was consumed or read

	gone     string // for errors: the end of what was before the text at hand,
	remark   string // of what was before the last comment,
	remarked int32  // and the line that has that

	depth  int
	open   opener
	iflast bool     // if not may follow the last line
	ifnot  bool     // if not may be the next command
	heres  []*Redir // whose documents come after the next newline

	keep     bool // comments
	comments []Comment

	nodes nodes
}

// NewParser makes a parser. Errors begin with the name, a file's.
func NewParser(name string, src Source) *Parser { return &Parser{name: name, src: src, line: 1} }

// Line gives the number of the line at which the parser stands, from 1.
func (p *Parser) Line() int { return int(p.line) }

// Next gives the commands up to the next newline outside of brackets, none for an
// empty line. At the end the error is io.EOF. After an *Error the rest of the line
// is skipped and Next may be called again, as for whoever types; a script is
// given up.
func (p *Parser) Next() (b *Block, err error) {
	p.begun = p.pos < len(p.in)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			p.reset()
			b, err = nil, r
		default:
			panic(r)
		}
	}()
	p.blank()
	if p.ended() {
		return nil, io.EOF
	}
	b = &Block{Place: Place{p.at()}}
	b.Cmds, b.End = p.list(0)
	return b, nil
}

// reset drops the line that has an error.
func (p *Parser) reset() {
	p.depth, p.iflast, p.open = 0, false, opener{}
	p.heres = p.heres[:0]
	p.nodes.drop()
	for p.span(lineEnd); p.peek() != '\n'; p.span(lineEnd) {
		if !errors.Is(p.err, errNUL) {
			return
		}
		p.err = nil
	}
	p.newline()
}

// enter is called where commands or words nest, leave when they end.
func (p *Parser) enter() {
	if p.depth++; p.depth > MaxDepth {
		p.failAt(p.at(), "nested too deep")
	}
}

func (p *Parser) leave() { p.depth-- }

// list parses commands up to the bracket that ends them, or a newline if that is
// 0, and consumes that. It gives its place too.
func (p *Parser) list(end byte) ([]Cmd, Pos) {
	base := len(p.nodes.cmds)
	iflast := end == 0 && p.iflast
	for {
		p.ifnot = iflast
		c := p.andor()
		p.blank()
		at, next := p.at(), p.peek()
		empty := isEmpty(c)
		if next == '&' && p.peekAt(1) != '&' {
			if n, ok := c.(*IfNot); ok {
				p.failAt(n.At, noIf)
			}
			c, empty, next = &Async{Place{c.Pos()}, c}, false, ';'
		}
		if !empty {
			p.nodes.cmds = append(p.nodes.cmds, c)
			iflast = leadsIfNot(c)
		}
		switch {
		case next == ';':
			p.pos++
			continue
		case next == '\n':
			p.newline()
			p.documents()
			if end != 0 {
				continue
			}
			p.iflast = iflast
		case next != end:
			p.fail("syntax error")
		case end != 0:
			p.pos++
		case !p.ended():
			p.fail("syntax error") // which is not what is wrong
		default:
			p.documents()
			p.iflast = iflast
		}
		return take(&p.nodes.cmds, base, &p.nodes.cmdRoom), at
	}
}

// leadsIfNot tells whether an if not may follow c.
func leadsIfNot(c Cmd) bool {
	if n, ok := c.(*IfNot); ok {
		c = n.Body
	}
	_, ok := c.(*If)
	return ok
}

const noIf = "`if not' does not follow `if(...)'"

// ended tells whether the text is parsed to its end.
func (p *Parser) ended() bool { return p.peek() == 0 && errors.Is(p.err, io.EOF) }

// expect consumes a byte that has to be next.
func (p *Parser) expect(c byte) {
	if p.peek() != c {
		p.fail("syntax error")
	}
	p.pos++
}
