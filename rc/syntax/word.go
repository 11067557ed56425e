package syntax

import "strings"

// startsWord tells whether a word may begin with c, but for < and >.
func startsWord(c byte) bool {
	return class[c]&(isWord|isEqual) != 0 || c == '\'' || c == '$' || c == '`' || c == '('
}

// words parses a list of words, not over the end of a line.
func (p *Parser) words() []Word {
	base := len(p.nodes.words)
	for {
		p.blank()
		if c := p.peek(); !startsWord(c) && c != '<' && c != '>' {
			return take(&p.nodes.words, base, &p.nodes.wordRoom)
		}
		p.nodes.words = append(p.nodes.words, p.word(isEqual))
	}
}

// word parses a word; = is a byte like any other if equal is isEqual and not 0.
// Blanks behind it are consumed.
func (p *Parser) word(equal uint8) Word {
	w, glue := p.word1(equal)
	return p.conc(w, glue, equal)
}

// conc parses what w is concatenated with: behind a ^, or if glue without it.
func (p *Parser) conc(w Word, glue bool, equal uint8) Word {
	base := len(p.nodes.parts)
	p.nodes.parts = append(p.nodes.parts, Part{Word: w})
	for {
		free := false
		if glue {
			switch c := p.peek(); {
			case c == '\\':
				free = p.peekAt(1) != '\n'
			case c == '(':
				p.fail("syntax error")
			default:
				free = class[c]&(isWord|equal) != 0 || c == '\'' || c == '$' || c == '`'
			}
		}
		if !free {
			p.blank()
			if p.peek() != '^' {
				break
			}
			p.pos++
			p.blank()
		}
		var part Word
		part, glue = p.word1(equal)
		p.nodes.parts = append(p.nodes.parts, Part{part, free})
	}
	if len(p.nodes.parts) == base+1 {
		p.nodes.parts = p.nodes.parts[:base]
		return w
	}
	c := p.nodes.conc.get()
	c.At = w.Pos()
	c.Parts = take(&p.nodes.parts, base, &p.nodes.partRoom)
	return c
}

// word1 parses a word without carets. glue tells that a word directly behind it is
// concatenated with it.
func (p *Parser) word1(equal uint8) (w Word, glue bool) {
	at := Place{p.at()}
	switch c := p.peek(); c {
	case '\'':
		l := p.nodes.lit.get()
		*l = Lit{Place: at, Text: p.quoted(), Quoted: true}
		return l, true
	case '$':
		return p.dollar(at)
	case '`':
		return p.backquote(at), false
	case '(':
		p.pos++
		p.enter()
		l := &List{at, p.words()}
		p.leave()
		p.expect(')')
		return l, false
	case '<', '>':
		if _, sub := p.redir(); sub != nil {
			return sub, false
		}
		panic(&Error{Name: p.name, Pos: at.At, Token: string(c), What: "syntax error"})
	default:
		if class[c]&(isWord|equal) == 0 {
			p.fail("syntax error")
		}
	}
	return p.unquoted(isWord | equal), true
}

// unquoted parses a literal.
func (p *Parser) unquoted(mask uint8) *Lit {
	at := Place{p.at()}
	text, all := p.run(mask)
	return p.literal(at, text, all)
}

// literal makes one of what run gave.
func (p *Parser) literal(at Place, text string, all uint8) *Lit {
	l := p.nodes.lit.get()
	l.Place, l.Text = at, text
	if all&isMeta != 0 {
		l.Pattern = marked(text)
	}
	return l
}

// marked is a pattern in which each meta is live.
func marked(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if class[s[i]]&isMeta != 0 {
			b.WriteByte(Mark)
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// dollar parses $x, $x(1), $#x and $"x.
func (p *Parser) dollar(at Place) (w Word, glue bool) {
	p.pos++
	op := p.peek()
	if op == '#' || op == '"' {
		p.pos++
	}
	p.blank()
	var name Word
	if c := p.peek(); class[c]&isWord != 0 {
		name, glue = p.varName(), true
	} else {
		p.enter()
		name, glue = p.word1(0)
		p.leave()
	}
	switch op {
	case '#':
		return &Count{at, name}, glue
	case '"':
		return &Join{at, name}, glue
	}
	if !glue || p.peek() != '(' {
		v := p.nodes.vars.get()
		v.Place, v.Name = at, name
		return v, glue
	}
	p.pos++
	p.enter()
	x := &Index{at, name, p.words()}
	p.leave()
	p.expect(')')
	return x, false
}

// varName parses an unquoted name: any byte of a word, then those of names.
func (p *Parser) varName() *Lit {
	l := p.nodes.lit.get()
	l.At = p.at()
	if class[p.peek()]&isName == 0 {
		first := p.in[p.pos : p.pos+1]
		p.pos++
		l.Text, _ = p.run(isName)
		l.Text = first + l.Text
	} else {
		l.Text, _ = p.run(isName)
	}
	return l
}

// backquote parses `{...} and `sep{...}.
func (p *Parser) backquote(at Place) Word {
	p.pos++
	p.blank()
	b := &Backquote{Place: at}
	p.enter()
	if p.peek() != '{' {
		b.Sep = p.word(isEqual)
	}
	b.Body = p.brace()
	p.leave()
	return b
}
