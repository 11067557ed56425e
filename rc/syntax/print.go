package syntax

import "strconv"

// Print writes a command so that it reads back as the same: braces with a command
// a line, indented, as whatis shows a function and the environment carries its
// body. It ends without a newline, unless a here document ends it. What it prints
// it prints again when that is read.
func Print(c Cmd) string {
	p := printer{}
	p.cmd(c, precAsync, false)
	p.guard()
	p.documents()
	return string(p.b)
}

// PrintWord is Print for a word.
func PrintWord(w Word) string {
	p := printer{}
	p.word(w, isEqual)
	p.documents()
	return string(p.b)
}

// PrintList is Print for commands, each with its newline.
func PrintList(cmds []Cmd) string {
	p := printer{}
	for _, c := range cmds {
		p.cmd(c, precAsync, false)
		p.newline(Pos{})
	}
	return string(p.b)
}

// A printer writes commands either as they are laid out in the source, with its
// comments, or in one way only.
type printer struct {
	b      []byte
	indent int
	heres  []*Redir // whose documents come after the next newline

	layout   bool
	line     int32 // the last one of the source that is printed
	comments []Comment
}

func (p *printer) str(s string) { p.b = append(p.b, s...) }
func (p *printer) chr(c byte)   { p.b = append(p.b, c) }

// at notes that something of the line l is printed.
func (p *printer) at(l int32) { p.line = max(p.line, l) }

// newline ends a line of commands, where what is at next goes on.
func (p *printer) newline(next Pos) {
	p.endLine(next)
	p.documents()
}

// guard keeps a newline that comes next from being taken for a blank.
func (p *printer) guard() {
	if n := len(p.b); n > 0 && p.b[n-1] == '\\' {
		p.chr(' ')
	}
}

// endLine ends a line with the comments that are at its end.
func (p *printer) endLine(next Pos) {
	p.guard()
	for first := true; p.commented(next) && p.comments[0].At.Line <= p.line; first = false {
		if first {
			p.chr(' ')
		} else {
			p.chr('\n')
			p.tabs(p.indent)
		}
		p.str(p.comments[0].Text)
		p.comments = p.comments[1:]
	}
	p.chr('\n')
}

// documents writes the here documents of the line that ended.
func (p *printer) documents() {
	if len(p.heres) > 0 && p.b[len(p.b)-1] != '\n' {
		p.chr('\n')
	}
	for _, r := range p.heres {
		p.str(r.Here.Body)
		p.str(r.Here.Tag)
		p.chr('\n')
		p.at(r.Here.End.Line)
	}
	p.heres = p.heres[:0]
}

// insert puts a byte before what was printed from n on.
func (p *printer) insert(n int, c byte) {
	p.b = append(p.b, c)
	copy(p.b[n+1:], p.b[n:])
	p.b[n] = c
}

// tabs indents a line, up to a depth behind which nobody sees it.
func (p *printer) tabs(n int) {
	for range min(n, 40) {
		p.chr('\t')
	}
}

// goOn goes on behind an operator, or the head of an if, with what begins at a
// place: on the next line, one deeper, if it is so in the source.
func (p *printer) goOn(at Pos, rest func()) {
	if !p.layout || at.Line <= p.line {
		p.chr(' ')
		rest()
		return
	}
	p.indent++
	p.endLine(at)
	p.at(at.Line - 1)
	p.above(at, p.indent)
	p.tabs(p.indent)
	rest()
	p.indent--
}

// cmd prints a command, as bound has it.
func (p *printer) cmd(c Cmd, low int, before bool) {
	c = bound(c, low, before)
	p.at(c.Pos().Line)
	switch c := c.(type) {
	case *Simple:
		p.word(c.Words[0], isFirst)
		p.arguments(c.Words[1:], c.Redirs)
	case *Assign:
		for i, v := range c.Vars {
			if i > 0 {
				p.space(v.Name.Pos())
			}
			p.word(v.Name, isFirst)
			p.chr('=')
			p.word(v.Value, isEqual)
		}
		if c.Cmd != nil {
			p.space(c.Cmd.Pos())
			p.cmd(c.Cmd, precPipe, false)
		}
	case *Redirected:
		for i, r := range c.Redirs {
			if i > 0 {
				p.space(r.At)
			}
			p.redir(r)
		}
		if !isEmpty(c.Cmd) {
			p.space(c.Cmd.Pos())
			p.cmd(c.Cmd, precPipe, false)
		}
	case *Block:
		p.block(c)
		p.rest(nil, c.Redirs)
	case *Not:
		p.str("! ")
		p.cmd(c.Cmd, precPipe, false)
	case *Subshell:
		p.chr('@')
		n := len(p.b)
		if p.cmd(c.Cmd, precPipe, false); p.b[n] != '{' {
			p.insert(n, ' ')
		}
	case *Pipeline:
		for i, k := range c.Cmds {
			print := func() { p.cmd(k, precUnary, i < len(c.Cmds)-1) }
			if i == 0 {
				print()
				continue
			}
			p.link(c.Links[i-1])
			p.goOn(k.Pos(), print)
		}
	case *AndOr:
		for i, k := range c.Cmds {
			print := func() { p.cmd(k, precPipe, i < len(c.Cmds)-1) }
			if i == 0 {
				print()
				continue
			}
			if c.Or[i-1] {
				p.str(" ||")
			} else {
				p.str(" &&")
			}
			p.goOn(k.Pos(), print)
		}
	case *Async:
		p.cmd(c.Cmd, precAndOr, false)
		p.str(" &")
	case *Match:
		p.str("~ ")
		p.word(c.Subject, isEqual)
		p.rest(c.Patterns, nil)
	case *Fn:
		p.str("fn")
		p.rest(c.Names, nil)
		if c.Body != nil {
			p.chr(' ')
			p.block(c.Body)
		}
	default:
		p.control(c)
	}
}

// control prints what runs other commands.
func (p *printer) control(c Cmd) {
	switch c := c.(type) {
	case *If:
		p.str("if(")
		p.inside(c.Cond)
		p.chr(')')
		p.body(c.Body)
	case *IfNot:
		p.str("if not")
		if _, ok := bound(c.Body, precAndOr, false).(*Block); ok {
			p.chr(' ')
		}
		p.body(c.Body)
	case *For:
		p.str("for(")
		p.word(c.Var, isEqual)
		if c.In {
			p.str(" in")
			p.rest(c.List, nil)
		}
		p.chr(')')
		p.body(c.Body)
	case *While:
		p.str("while(")
		p.inside(c.Cond)
		p.chr(')')
		p.body(c.Body)
	case *Switch:
		p.switchCmd(c)
	}
}

// body prints what if, for and while do.
func (p *printer) body(c Cmd) {
	c = bound(c, precAndOr, false)
	print := func() { p.cmd(c, precAndOr, false) }
	if _, ok := c.(*Block); ok {
		print()
		return
	}
	p.goOn(c.Pos(), print)
}

func (p *printer) switchCmd(c *Switch) {
	p.str("switch")
	_, tight := c.Subject.(*List)
	if !tight {
		p.chr(' ')
	}
	p.word(c.Subject, isEqual)
	if !tight {
		p.chr(' ')
	}
	p.chr('{')
	p.newline(c.Cases[0].At)
	for i, k := range c.Cases {
		deeper := i > 0 && len(p.comments) > 0 && p.comments[0].At.Col > k.At.Col
		if deeper {
			p.above(k.At, p.indent+1)
		} else {
			p.above(k.At, p.indent)
		}
		p.empty(k.At.Line)
		p.tabs(p.indent)
		p.at(k.At.Line)
		p.str("case")
		p.arguments(k.Patterns, nil)
		p.indent++
		end := c.End
		if i+1 < len(c.Cases) {
			end = c.Cases[i+1].At
		}
		if p.follows(k.Cmds) {
			p.str("; ")
		} else if len(k.Cmds) > 0 {
			p.newline(k.Cmds[0].Pos())
		} else {
			p.newline(end)
		}
		p.lines(k.Cmds, end)
		p.indent--
	}
	p.above(c.End, p.indent+1)
	p.tabs(p.indent)
	p.at(c.End.Line)
	p.chr('}')
}

// link prints the | of a pipeline.
func (p *printer) link(l Link) {
	p.str(" |")
	switch l {
	case Link{1, 0}:
	case Link{l.Left, 0}:
		p.str("[" + strconv.Itoa(int(l.Left)) + "]")
	default:
		p.str("[" + strconv.Itoa(int(l.Right)) + "=" + strconv.Itoa(int(l.Left)) + "]")
	}
}
