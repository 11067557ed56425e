package syntax

// The operators, loosest first: what if, for and while stand before; && and ||;
// what ! and @, assignments and redirections stand before; pipes.

// andor parses a chain of && and ||.
func (p *Parser) andor() Cmd {
	c := p.pipeline()
	base := -1
	var or []bool
	for {
		p.blank()
		op := p.peek()
		if op != '&' && op != '|' || p.peekAt(1) != op {
			break
		}
		p.pos += 2
		if base < 0 {
			base = len(p.nodes.cmds)
			p.nodes.cmds = append(p.nodes.cmds, c)
		}
		p.blankLines()
		or = append(or, op == '|')
		p.nodes.cmds = append(p.nodes.cmds, p.pipeline())
	}
	if base < 0 {
		return c
	}
	return &AndOr{Place{c.Pos()}, take(&p.nodes.cmds, base, &p.nodes.cmdRoom), or}
}

// pipeline parses a chain of |.
func (p *Parser) pipeline() Cmd { return p.pipes(p.unary()) }

// pipes parses what a command that is parsed may be piped to.
func (p *Parser) pipes(c Cmd) Cmd {
	base := -1
	var links []Link
	for {
		p.blank()
		if p.peek() != '|' || p.peekAt(1) == '|' {
			break
		}
		if base < 0 {
			base = len(p.nodes.cmds)
			p.nodes.cmds = append(p.nodes.cmds, c)
		}
		links = append(links, p.link())
		p.blankLines()
		p.nodes.cmds = append(p.nodes.cmds, p.unary())
	}
	if base < 0 {
		return c
	}
	return &Pipeline{Place{c.Pos()}, take(&p.nodes.cmds, base, &p.nodes.cmdRoom), links}
}

func (p *Parser) link() Link {
	at := p.at()
	p.pos++
	left, right, form := p.fds(at, "pipe syntax")
	switch form {
	case fdNone:
		return Link{1, 0}
	case fdOne:
		return Link{left, 0}
	case fdClose:
		p.failAt(at, "pipe syntax")
	}
	return Link{right, left}
}

// unary parses a command without operators between commands, but for those that
// one in front of it takes with it. It is Empty where no command begins.
func (p *Parser) unary() Cmd {
	p.enter()
	c := p.unary1()
	p.leave()
	return c
}

func (p *Parser) unary1() Cmd {
	ifnot := p.ifnot
	p.ifnot = false
	p.blank()
	at := Place{p.at()}
	switch c := p.peek(); {
	case c == '{':
		b := p.brace()
		b.Redirs = p.redirs()
		return b
	case c == '<' || c == '>':
		return p.redirected(at)
	case class[c]&isWord != 0:
		text, all := p.run(isWord)
		if c := p.keywordCmd(at, text, ifnot); c != nil {
			return c
		}
		return p.first(at, p.conc(p.literal(at, text, all), true, 0))
	case startsWord(c) && c != '=':
		return p.first(at, p.word(0))
	}
	return &Empty{at}
}

// keywordCmd parses the command that a word begins if that is a keyword; if not it
// is nil.
func (p *Parser) keywordCmd(at Place, word string, ifnot bool) Cmd {
	switch word {
	case "if":
		return p.ifCmd(at, ifnot)
	case "for":
		return p.forCmd(at)
	case "while":
		return &While{at, p.cond(), p.body()}
	case "switch":
		return p.switchCmd(at)
	case "fn":
		f := &Fn{Place: at, Names: p.words()}
		if p.peek() == '{' {
			f.Body = p.brace()
		}
		return f
	case "~":
		p.blank()
		return &Match{at, p.word(isEqual), p.words()}
	case "!":
		return &Not{at, p.pipeline()}
	case "@":
		return &Subshell{at, p.pipeline()}
	case "in", "not":
		panic(&Error{Name: p.name, Pos: at.At, Token: word, What: "syntax error"})
	}
	return nil
}

// first parses what the first word of a command, which is parsed, begins.
func (p *Parser) first(at Place, w Word) Cmd {
	if p.peek() == '=' {
		return p.assign(at, w)
	}
	base := len(p.nodes.words)
	p.nodes.words = append(p.nodes.words, w)
	s := p.nodes.simple.get()
	s.Place = at
	for {
		p.blank()
		switch c := p.peek(); c {
		case '<', '>':
			at := Place{p.at()}
			if r, sub := p.redir(); sub != nil {
				p.nodes.words = append(p.nodes.words, p.conc(sub, false, isEqual))
			} else {
				r.Place = at
				s.Redirs = append(s.Redirs, r)
			}
		default:
			if !startsWord(c) {
				s.Words = take(&p.nodes.words, base, &p.nodes.wordRoom)
				return s
			}
			p.nodes.words = append(p.nodes.words, p.word(isEqual))
		}
	}
}

// assign parses assignments, whose first name is parsed, and the command that
// they are for.
func (p *Parser) assign(at Place, name Word) Cmd {
	a := &Assign{Place: at}
	for {
		p.expect('=')
		p.blank()
		a.Vars = append(a.Vars, Var1{name, p.word(isEqual)})
		at := Place{p.at()}
		var c Cmd
		name = nil
		switch k := p.peek(); {
		case class[k]&isWord != 0:
			text, all := p.run(isWord)
			if c = p.keywordCmd(at, text, false); c == nil {
				name = p.conc(p.literal(at, text, all), true, 0)
			}
		case startsWord(k) && k != '=':
			name = p.word(0)
		default:
			c = p.unary()
		}
		if name != nil {
			if p.peek() == '=' {
				continue
			}
			c = p.first(at, name)
		}
		if c = p.pipes(c); !isEmpty(c) {
			a.Cmd = c
		}
		return a
	}
}

func isEmpty(c Cmd) bool {
	_, ok := c.(*Empty)
	return ok
}

// redirected parses a command that begins with < or >.
func (p *Parser) redirected(at Place) Cmd {
	r, sub := p.redir()
	if sub != nil {
		return p.first(at, p.conc(sub, false, 0))
	}
	c := &Redirected{Place: at}
	for here := at; ; {
		r.Place = here
		c.Redirs = append(c.Redirs, r)
		p.blank()
		here = Place{p.at()}
		if k := p.peek(); k != '<' && k != '>' {
			c.Cmd = p.pipeline()
			return c
		}
		if r, sub = p.redir(); sub != nil {
			c.Cmd = p.pipes(p.first(here, p.conc(sub, false, 0)))
			return c
		}
	}
}

// brace parses commands in braces.
func (p *Parser) brace() *Block {
	p.blank()
	if p.peek() != '{' {
		p.fail("syntax error")
	}
	return p.brackets('}')
}

func (p *Parser) brackets(end byte) *Block {
	b := p.nodes.block.get()
	b.At = p.at()
	before := p.open
	p.open = opener{p.in[p.pos], p.line}
	p.pos++
	p.enter()
	b.Cmds, b.End = p.list(end)
	p.leave()
	p.open = before
	return b
}
