package rcgen

import (
	"strconv"

	"ninespace/rc/syntax"
)

// leaf makes a command without others in it, but in backquotes.
func (g *gen) leaf() syntax.Cmd {
	switch g.IntN(14) {
	case 0, 1:
		return g.assign(g.loops == 0)
	case 2:
		return simple(lit("sh"), lit("-c"), quoted("exit "+of(g, "0", "1", "3")))
	case 3:
		return g.match()
	case 4:
		if g.fns > 0 && (!g.inFn || g.loops < 2) {
			return simple(append([]syntax.Word{lit("f" + strconv.Itoa(g.IntN(g.fns)))}, g.words(3)...)...)
		}
	case 5:
		c := simple(lit("cat"))
		c.Redirs = []*syntax.Redir{redir(syntax.RedirRead, g.file())}
		return c
	case 6:
		c := echo(g.words(2)...)
		c.Redirs = []*syntax.Redir{redir(of(g, syntax.RedirWrite, syntax.RedirAppend), g.file())}
		return c
	case 7:
		return simple(lit("eval"), quoted(of(g, "echo $a", "a=(x y); echo $#a", "if(~ $b 1) echo one", "echo '$b' $b")))
	case 8:
		return of(g, simple(lit("shift")), simple(lit("false")), simple(lit("true")))
	case 9:
		e := echo(g.words(2)...)
		e.Redirs = []*syntax.Redir{{Op: syntax.RedirDup, Arrow: syntax.RedirWrite, Fd: 1, From: 2}}
		return e
	}
	return echo(g.words(4)...)
}

// assign makes one assignment: of a list that is longer by two at most than what it
// is made of, if many, and else no longer.
func (g *gen) assign(many bool) *syntax.Assign {
	name := of(g, append(vars, "status")...)
	if g.inFn && g.IntN(3) == 0 {
		name = "*"
	}
	return g.set(name, many)
}

func (g *gen) set(name string, many bool) *syntax.Assign {
	var v syntax.Word
	switch {
	case name == "status":
		v = lit(of(g, "0", "1", "no"))
	case many && g.IntN(2) == 0:
		v = &syntax.List{Words: []syntax.Word{g.const1(), g.word(1), g.const1()}}
	case g.IntN(4) == 0:
		v = &syntax.List{}
	default:
		v = g.word(1)
	}
	return &syntax.Assign{Vars: []syntax.Var1{{Name: lit(name), Value: v}}}
}

func (g *gen) match() syntax.Cmd {
	return &syntax.Match{Subject: g.subject(), Patterns: g.patterns()}
}

// subject makes a word that is no pattern: some rcs find files by a subject, others
// do not.
func (g *gen) subject() syntax.Word {
	w := g.word(1)
	last := w
	if list, ok := w.(*syntax.List); ok {
		last = list.Words[len(list.Words)-1]
	}
	if l, ok := last.(*syntax.Lit); ok && l.Pattern != "" {
		return quoted(l.Text)
	}
	return w
}

// cond makes a command for its status.
func (g *gen) cond(depth int) syntax.Cmd {
	if g.IntN(5) > 0 {
		return g.match()
	}
	return g.cmd(depth)
}

// const1 makes a word that is one string whatever is set.
func (g *gen) const1() *syntax.Lit {
	return of(g, lit("x"), lit("1"), lit("yy"), quoted(""), quoted("a b"), quoted("it's"), quoted("f*"), lit("é"), lit("a.b"), quoted("$a"), lit("\\"))
}

func glob(text, pattern string) *syntax.Lit { return &syntax.Lit{Text: text, Pattern: pattern} }

func (g *gen) patterns() []syntax.Word {
	var ps []syntax.Word
	for range g.IntN(4) {
		ps = append(ps, of[syntax.Word](g, g.const1(), g.word(1), glob("*", "\x01*"), glob("?", "\x01?"), glob("[a-f]*", "\x01[a-f]\x01*"),
			glob("[~x]", "\x01[~x]"), &syntax.List{Words: []syntax.Word{g.const1(), glob("*.*", "\x01*.\x01*")}}))
	}
	return ps
}

func (g *gen) words(n int) []syntax.Word {
	var ws []syntax.Word
	for range g.IntN(n + 1) {
		ws = append(ws, g.word(2))
	}
	return ws
}

// word makes a word that has one variable at most; of several strings are only those
// that a variable has, or two.
func (g *gen) word(depth int) syntax.Word {
	name := lit(of(g, "a", "b", "c", "i", "*", "1", "2", "unset"))
	switch g.IntN(18) {
	case 0, 1, 2:
		return &syntax.Var{Name: name}
	case 3:
		return &syntax.Count{Name: name}
	case 4:
		return join(name)
	case 5:
		name := lit(of(g, "a", "b", "c", "*"))
		return &syntax.Index{Name: name, Subs: []syntax.Word{of[syntax.Word](g, lit("1"), lit("2-"), lit("1-2"), lit("9"), lit("0"), lit("3-1"), &syntax.Count{Name: name})}}
	case 6:
		return conc(g.const1(), join(name), g.const1())
	case 7:
		return conc(g.const1(), &syntax.List{Words: []syntax.Word{g.const1(), g.const1()}})
	case 8:
		return conc(&syntax.List{Words: []syntax.Word{lit("p"), lit("q")}}, &syntax.List{Words: []syntax.Word{g.const1(), g.const1()}})
	case 9:
		return of(g, glob("f*", "f\x01*"), glob("[f]?", "\x01[f]\x01?"), glob("none*", "none\x01*"))
	case 10, 11:
		if depth > 0 {
			cmds := []syntax.Cmd{echo(g.word(depth - 1))}
			if g.IntN(3) == 0 {
				cmds = append(cmds, simple(lit("sh"), lit("-c"), quoted("exit 2")))
			}
			return &syntax.Backquote{Body: block(cmds...)}
		}
	case 12:
		if depth > 0 {
			return &syntax.List{Words: []syntax.Word{g.const1(), g.word(depth - 1)}}
		}
	}
	return g.const1()
}

// join makes $"name, but not of an argument: there 9base's rc has nothing.
func join(name *syntax.Lit) syntax.Word {
	if name.Text == "1" || name.Text == "2" {
		name = lit("*")
	}
	return &syntax.Join{Name: name}
}

// conc concatenates with carets only where they are needed.
func conc(words ...syntax.Word) syntax.Word {
	c := &syntax.Conc{}
	for _, w := range words {
		c.Parts = append(c.Parts, syntax.Part{Word: w, Free: true})
	}
	return c
}
