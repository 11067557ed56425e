package syntax

// cond parses the condition of if and while.
func (p *Parser) cond() *Block {
	p.blank()
	if p.peek() != '(' {
		p.fail("syntax error")
	}
	return p.brackets(')')
}

// body parses what if, for and while do.
func (p *Parser) body() Cmd {
	p.blankLines()
	return p.andor()
}

func (p *Parser) ifCmd(at Place, ifnot bool) Cmd {
	p.blank()
	if p.peek() == '(' {
		return &If{at, p.cond(), p.body()}
	}
	if !p.keyword("not") {
		p.fail("syntax error")
	}
	if !ifnot {
		p.failAt(at.At, noIf)
	}
	return &IfNot{at, p.body()}
}

// keyword consumes the keyword if it is next.
func (p *Parser) keyword(k string) bool {
	for i := range len(k) {
		if p.peekAt(i) != k[i] {
			return false
		}
	}
	if c := p.peekAt(len(k)); class[c]&isWord != 0 && (c != '\\' || p.peekAt(len(k)+1) != '\n') {
		return false
	}
	p.pos += len(k)
	return true
}

func (p *Parser) forCmd(at Place) Cmd {
	f := &For{Place: at}
	p.blank()
	p.expect('(')
	p.blank()
	f.Var = p.word(isEqual)
	if f.In = p.keyword("in"); f.In {
		f.List = p.words()
	}
	p.expect(')')
	f.Body = p.body()
	return f
}

func (p *Parser) switchCmd(at Place) Cmd {
	p.blank()
	s := &Switch{Place: at, Subject: p.word(isEqual)}
	p.blankLines()
	b := p.brace()
	s.End = b.End
	for _, c := range b.Cmds {
		if words, ok := isCase(c); ok {
			s.Cases = append(s.Cases, &Case{Place: Place{c.Pos()}, Patterns: words})
		} else if n := len(s.Cases); n > 0 {
			s.Cases[n-1].Cmds = append(s.Cases[n-1].Cmds, c)
		} else {
			p.failAt(at.At, "case missing in switch")
		}
	}
	if len(s.Cases) == 0 {
		p.failAt(at.At, "case missing in switch")
	}
	return s
}

// isCase gives the patterns of a case.
func isCase(c Cmd) ([]Word, bool) {
	s, ok := c.(*Simple)
	if !ok || len(s.Redirs) > 0 {
		return nil, false
	}
	l, ok := s.Words[0].(*Lit)
	return s.Words[1:], ok && !l.Quoted && l.Text == "case"
}
