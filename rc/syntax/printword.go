package syntax

import (
	"strconv"
	"strings"
)

// space parts words, with a continued line if the source has one.
func (p *printer) space(at Pos) {
	if p.layout && at.Line > p.line {
		p.str(" \\\n")
		p.tabs(p.indent + 1)
		p.at(at.Line)
		return
	}
	p.chr(' ')
}

// rest prints words and redirections behind others, in the order of the source.
func (p *printer) rest(words []Word, redirs []*Redir) {
	for len(words)+len(redirs) > 0 {
		if len(words) == 0 || len(redirs) > 0 && before(redirs[0].At, words[0].Pos()) {
			p.space(redirs[0].At)
			p.redir(redirs[0])
			redirs = redirs[1:]
			continue
		}
		p.space(words[0].Pos())
		p.word(words[0], isEqual)
		words = words[1:]
	}
}

// isFirst is where word's equal tells that a word is the first of a command: there
// a keyword is none only if it is quoted.
const isFirst = 1 << 7

// arguments is rest behind the first word of a command: that a = comes next does not
// make an assignment of it.
func (p *printer) arguments(words []Word, redirs []*Redir) {
	n := len(p.b) + 1
	if p.rest(words, redirs); n < len(p.b) && p.b[n] == '=' {
		p.insert(n, '\'')
		p.insert(n, '\'') // an empty string before it
	}
}

// word prints a word; equal is isEqual where = needs no quotes.
func (p *printer) word(w Word, equal uint8) {
	p.at(w.Pos().Line)
	switch w := w.(type) {
	case *Lit:
		p.lit(w, equal)
	case *Var:
		p.chr('$')
		p.name(w.Name)
	case *Count:
		p.str("$#")
		p.name(w.Name)
	case *Join:
		p.str("$\"")
		p.name(w.Name)
	case *Index:
		p.chr('$')
		p.name(w.Name)
		p.list(w.Subs)
	case *List:
		p.list(w.Words)
	case *Conc:
		p.conc(w, equal)
	case *Backquote:
		p.chr('`')
		if w.Sep != nil {
			p.word(w.Sep, isEqual)
		}
		p.braces(w.Body)
	case *ProcSub:
		p.str(arrows[w.Op])
		p.braces(w.Body)
	}
}

func (p *printer) braces(b *Block) {
	p.chr('{')
	p.inside(b)
	p.chr('}')
}

func (p *printer) list(words []Word) {
	p.chr('(')
	for i, w := range words {
		if i > 0 {
			p.space(w.Pos())
		}
		p.word(w, isEqual)
	}
	p.chr(')')
}

// bare tells whether a literal prints without quotes.
func bare(l *Lit, equal uint8) bool {
	if l.Quoted || l.Text == "" || equal == isFirst && Keyword(l.Text) {
		return false
	}
	for i := range len(l.Text) {
		c := class[l.Text[i]]
		if c&(isWord|equal&isEqual) == 0 || c&isMeta != 0 && l.Pattern == "" {
			return false
		}
	}
	return true
}

func (p *printer) lit(l *Lit, equal uint8) {
	if bare(l, equal) {
		p.str(l.Text)
		return
	}
	p.quoted(l)
}

func (p *printer) quoted(l *Lit) {
	p.chr('\'')
	p.str(strings.ReplaceAll(l.Text, "'", "''"))
	p.chr('\'')
	p.at(l.At.Line + int32(strings.Count(l.Text, "\n")))
}

// bareName is bare for a name behind a $.
func bareName(l *Lit) bool {
	if l.Quoted || l.Text == "" || class[l.Text[0]]&isWord == 0 || l.Text[0] == '"' {
		return false
	}
	for i := 1; i < len(l.Text); i++ {
		if class[l.Text[i]]&isName == 0 {
			return false
		}
	}
	return true
}

// name prints what is behind a $.
func (p *printer) name(w Word) {
	p.at(w.Pos().Line)
	switch w := w.(type) {
	case *Lit:
		if bareName(w) {
			p.str(w.Text)
		} else {
			p.quoted(w)
		}
	case *Conc:
		p.list([]Word{w})
	default:
		p.word(w, isEqual)
	}
}

func (p *printer) conc(c *Conc, equal uint8) {
	for i, part := range c.Parts {
		if i > 0 && (!part.Free || !free(c.Parts[i-1].Word, part.Word, equal)) {
			p.chr('^')
		}
		p.word(part.Word, equal)
		equal &= isEqual
	}
}

// free tells whether rc puts a ^ between two words that have nothing between them.
func free(a, b Word, equal uint8) bool {
	switch b.(type) {
	case *List, *ProcSub:
		return false
	}
	next, lit := b.(*Lit)
	for {
		switch v := a.(type) {
		case *Var:
			a = v.Name
		case *Count:
			a = v.Name
		case *Join:
			a = v.Name
		case *Lit:
			return !lit || !merge(v, next, equal, false)
		default:
			return false
		}
		if l, ok := a.(*Lit); ok {
			return !lit || !merge(l, next, equal, true)
		}
	}
}

// merge tells whether two literals, the first one a name or not, would be one.
func merge(a, b *Lit, equal uint8, name bool) bool {
	aBare, bBare := bare(a, equal), bare(b, equal)
	if name {
		aBare = bareName(a)
	}
	if aBare != bBare {
		return false
	}
	return !name || !aBare || class[b.Text[0]]&isName != 0
}

var arrows = [...]string{RedirRead: "<", RedirReadWrite: "<>", RedirWrite: ">", RedirAppend: ">>", RedirHere: "<<"}

func (p *printer) redir(r *Redir) {
	p.at(r.At.Line)
	fd := strconv.Itoa(int(r.Fd))
	switch r.Op {
	case RedirDup:
		p.str(arrows[r.Arrow] + "[" + fd + "=" + strconv.Itoa(int(r.From)) + "]")
		return
	case RedirClose:
		p.str(arrows[r.Arrow] + "[" + fd + "=]")
		return
	}
	p.str(arrows[r.Op])
	if r.Fd != usualFd(r.Op) {
		p.str("[" + fd + "]")
	}
	n := len(p.b)
	if r.Op == RedirHere {
		p.lit(&Lit{Text: r.Here.Tag, Quoted: r.Here.Quoted, Pattern: "tags have none"}, isEqual)
		p.heres = append(p.heres, r)
	} else {
		p.word(r.Word, isEqual)
	}
	if c := p.b[n]; c == '<' || c == '>' || c == '[' {
		p.insert(n, ' ') // it is no part of the arrow
	}
}

// usualFd is the descriptor of an arrow without one.
func usualFd(op RedirOp) int32 {
	if op == RedirWrite || op == RedirAppend {
		return 1
	}
	return 0
}
