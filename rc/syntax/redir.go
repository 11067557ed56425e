package syntax

import "strings"

// The forms of what is in square brackets behind an arrow or a |.
const (
	fdNone  = iota
	fdOne   // [a]
	fdTwo   // [a=b]
	fdClose // [a=]
)

// fds parses them.
func (p *Parser) fds(at Pos, what string) (a, b int32, form int) {
	if p.peek() != '[' {
		return 0, 0, fdNone
	}
	p.pos++
	a, ok := p.fd()
	if !ok {
		p.failAt(at, what)
	}
	form = fdOne
	if p.peek() == '=' {
		p.pos++
		form = fdClose
		if b, ok = p.fd(); ok {
			form = fdTwo
		}
	}
	if p.peek() != ']' {
		p.failAt(at, what)
	}
	p.pos++
	return a, b, form
}

// fd parses a descriptor, and tells whether there was one.
func (p *Parser) fd() (int32, bool) {
	n, ok := int32(0), false
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		if n = n*10 + int32(c-'0'); n > 1<<24 {
			return 0, false
		}
		p.pos++
		ok = true
	}
	return n, ok
}

// redirs parses the redirections behind a block.
func (p *Parser) redirs() (rs []*Redir) {
	for {
		p.blank()
		at := Place{p.at()}
		if c := p.peek(); c != '<' && c != '>' {
			return rs
		}
		r, sub := p.redir()
		if sub != nil {
			panic(&Error{Name: p.name, Pos: at.At, Token: "{", What: "syntax error"})
		}
		r.Place = at
		rs = append(rs, r)
	}
}

// redir parses a redirection or a <{...} or >{...}, at its arrow.
func (p *Parser) redir() (*Redir, *ProcSub) {
	const what = "redirection syntax"
	r := &Redir{Place: Place{p.at()}}
	c, next := p.peek(), p.peekAt(1)
	p.pos++
	switch {
	case c == '>' && next == '>':
		r.Op = RedirAppend
		p.pos++
	case c == '>':
		r.Op = RedirWrite
	case next == '<':
		r.Op = RedirHere
		p.pos++
	case next == '>':
		r.Op = RedirReadWrite
		p.pos++
	}
	a, b, form := p.fds(r.At, what)
	if r.Fd = a; form == fdNone {
		r.Fd = usualFd(r.Op)
	}
	if form == fdTwo || form == fdClose {
		if r.Op == RedirHere || r.Op == RedirAppend {
			p.failAt(r.At, what)
		}
		r.Arrow, r.Op, r.From = r.Op, RedirDup, b
		if form == fdClose {
			r.Op = RedirClose
		}
		return r, nil
	}
	p.blank()
	if p.peek() == '{' && r.Op <= RedirWrite {
		return nil, &ProcSub{r.Place, r.Op, p.brace()}
	}
	w := p.word(isEqual)
	if r.Op != RedirHere {
		r.Word = w
		return r, nil
	}
	l, ok := w.(*Lit)
	if !ok || strings.Contains(l.Text, "\n") {
		p.failAt(w.Pos(), "Bad here tag")
	}
	r.Here = &Here{Tag: l.Text, Quoted: l.Quoted}
	p.heres = append(p.heres, r)
	return r, nil
}

// documents reads the here documents that the line that ended asked for.
func (p *Parser) documents() {
	for _, r := range p.heres {
		h := r.Here
		h.Body = p.document(h)
		if h.Quoted {
			if h.Body != "" {
				h.Parts = []HerePart{{Text: h.Body}}
			}
		} else {
			h.Parts = hereParts(h.Body)
		}
	}
	p.heres = p.heres[:0]
}

// document reads lines up to one that is the tag, or the end of the text.
func (p *Parser) document(h *Here) string {
	var body []byte
	for {
		h.End = p.at()
		line := p.span(lineEnd)
		more := p.peek() == '\n'
		if !more && !p.ended() {
			p.fail("syntax error") // which is not what is wrong
		}
		if more {
			p.newline()
		}
		if line == h.Tag || !more && line == "" {
			return string(body)
		}
		body = append(append(body, line...), '\n')
	}
}

// hereParts finds the variables in a here document: $name and $1, $$ for a $. A
// ^ behind a name is left out.
func hereParts(s string) []HerePart {
	var parts []HerePart
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, HerePart{Text: text.String()})
			text.Reset()
		}
	}
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		text.WriteString(s[:i])
		s = s[i+1:]
		if strings.HasPrefix(s, "$") {
			text.WriteByte('$')
			s = s[1:]
			continue
		}
		n := 0
		for n < len(s) && class[s[n]]&isName != 0 {
			n++
		}
		if n > 0 {
			flush()
			parts = append(parts, HerePart{Var: s[:n]})
		}
		s = strings.TrimPrefix(s[n:], "^")
	}
	text.WriteString(s)
	flush()
	return parts
}
