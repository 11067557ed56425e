package syntax

import "math"

// before tells whether a is before b in the source.
func before(a, b Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col }

// block prints commands in braces.
func (p *printer) block(b *Block) {
	p.chr('{')
	p.at(b.At.Line)
	if len(b.Cmds) > 0 && !p.layout || p.spread(b) {
		p.many(b)
	} else {
		p.one(b)
	}
	p.chr('}')
}

// inside prints commands in brackets that print on one line if they can: those of
// conditions and words.
func (p *printer) inside(b *Block) {
	p.at(b.At.Line)
	if p.spread(b) {
		p.many(b)
	} else {
		p.one(b)
	}
}

// spread tells whether a block's commands are on lines of their own in the source.
func (p *printer) spread(b *Block) bool {
	if !p.layout {
		return false
	}
	if p.commented(b.End) {
		return true
	}
	line := b.At.Line
	for _, c := range b.Cmds {
		at := c.Pos().Line
		if at > line {
			return true
		}
		line = at
	}
	return false
}

func (p *printer) one(b *Block) {
	for i, c := range b.Cmds {
		if i > 0 {
			p.between(b.Cmds[i-1])
		}
		p.cmd(c, precAsync, false)
	}
	p.at(b.End.Line)
}

// between prints what is between a command and another on the same line.
func (p *printer) between(c Cmd) {
	if _, ok := c.(*Async); !ok {
		p.chr(';')
	}
	p.chr(' ')
}

func (p *printer) many(b *Block) {
	p.indent++
	if len(b.Cmds) > 0 {
		p.newline(b.Cmds[0].Pos())
	} else {
		p.newline(b.End)
	}
	p.lines(b.Cmds, b.End)
	p.above(b.End, p.indent)
	p.indent--
	p.tabs(p.indent)
	p.at(b.End.Line)
}

// follows tells whether the first of cmds goes on the line that is being printed.
func (p *printer) follows(cmds []Cmd) bool {
	n := len(p.b)
	return p.layout && n > 0 && p.b[n-1] != '\n' && len(cmds) > 0 && cmds[0].Pos().Line <= p.line && !p.commented(cmds[0].Pos())
}

// lines prints commands and the comments between them, and ends the line. What it
// begins is a line too, unless the first one follows. What goes on behind it is at
// end.
func (p *printer) lines(cmds []Cmd, end Pos) {
	for i, c := range cmds {
		at := c.Pos()
		if p.follows(cmds[i:]) {
			if i > 0 {
				p.between(cmds[i-1])
			}
		} else {
			if i > 0 {
				p.newline(at)
			}
			p.above(at, p.indent)
			p.empty(at.Line)
			p.tabs(p.indent)
		}
		p.cmd(c, precAsync, false)
	}
	if len(cmds) > 0 {
		p.newline(end)
	}
}

// commented tells whether a comment is to be printed before a place.
func (p *printer) commented(at Pos) bool {
	return len(p.comments) > 0 && before(p.comments[0].At, at)
}

// above prints, from the beginning of a line, the comments before a place on lines
// of their own.
func (p *printer) above(at Pos, indent int) {
	for p.commented(at) {
		c := p.comments[0]
		p.comments = p.comments[1:]
		p.empty(c.At.Line)
		p.tabs(indent)
		p.str(c.Text)
		p.chr('\n')
		p.at(c.At.Line)
	}
}

// empty prints an empty line if the source has one before a line.
func (p *printer) empty(line int32) {
	n := len(p.b)
	if p.layout && line > p.line+1 && n > 1 && p.b[n-2] != '\n' && p.b[n-2] != '{' && p.b[n-2] != '(' {
		p.chr('\n')
	}
	p.at(line)
}

// Format gives a script laid out in the usual way: tabs, one space, no more than
// one empty line. Comments and where lines are broken stay. What it gives
// it does not change again. The error is [Parse]'s.
func Format(name, text string) (string, error) {
	b, comments, err := ParseComments(name, text)
	if err != nil {
		return "", err
	}
	p := printer{layout: true, comments: comments}
	end := Pos{Line: math.MaxInt32}
	p.lines(b.Cmds, end)
	p.above(end, 0)
	return string(p.b), nil
}
