// Package rcgen makes random programs of rc for tests that run them in two
// shells. A program ends, in some tenths of a second; it makes files f0 to f3, and one
// for each block that writes to a file, in its directory, reads a standard input that may
// be empty, and runs only echo, cat, tr, sort, sh, true and false. What rcs are known to
// differ in does not occur: statuses of pipelines of more than two commands, = in
// arguments, here documents in other commands, `sep{...}, $status as a local variable, a
// pattern for the value of one (9base leaves it one, 9front and ours match files), whatis,
// &, messages.
package rcgen

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"ninespace/rc/syntax"
)

// Program gives the program of a number, the same one each time.
func Program(seed uint64) string { return syntax.PrintList(Commands(seed)) }

// Commands is Program's tree.
func Commands(seed uint64) []syntax.Cmd {
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 9))}
	var cmds []syntax.Cmd
	for i := range 4 {
		cmds = append(cmds, g.write("f"+strconv.Itoa(i)))
	}
	for range g.IntN(3) {
		cmds = append(cmds, g.fn())
	}
	for range 3 + g.IntN(10) {
		cmds = append(cmds, g.top()...)
	}
	for _, v := range vars {
		cmds = append(cmds, echo(lit(v), &syntax.Count{Name: lit(v)}, variable(v)))
	}
	return append(cmds, echo(quoted("status"), variable("status")))
}

// A gen is what has been made of a program.
type gen struct {
	*rand.Rand
	fns    int // functions that are there to be called: f0 ...
	loops  int // that are around what is made
	whiles int // all that were made
	blocks int // that write to a file
	inFn   bool
}

var vars = []string{"a", "b", "c"}

// of picks one.
func of[T any](g *gen, all ...T) T { return all[g.IntN(len(all))] }

func lit(s string) *syntax.Lit    { return &syntax.Lit{Text: s} }
func quoted(s string) *syntax.Lit { return &syntax.Lit{Text: s, Quoted: true} }
func variable(s string) *syntax.Var {
	return &syntax.Var{Name: lit(s)}
}

func simple(words ...syntax.Word) *syntax.Simple { return &syntax.Simple{Words: words} }
func echo(words ...syntax.Word) *syntax.Simple {
	return simple(append([]syntax.Word{lit("echo")}, words...)...)
}
func block(cmds ...syntax.Cmd) *syntax.Block { return &syntax.Block{Cmds: cmds} }

func redir(op syntax.RedirOp, file string) *syntax.Redir {
	fd := int32(0)
	if op == syntax.RedirWrite || op == syntax.RedirAppend {
		fd = 1
	}
	return &syntax.Redir{Op: op, Fd: fd, Word: lit(file)}
}

func (g *gen) write(file string) syntax.Cmd {
	c := echo(g.words(3)...)
	c.Redirs = []*syntax.Redir{redir(syntax.RedirWrite, file)}
	return c
}

func (g *gen) file() string { return "f" + strconv.Itoa(g.IntN(4)) }

// fn makes a function and lets others call it.
func (g *gen) fn() syntax.Cmd {
	g.inFn, g.loops = true, 1
	body := block(append(g.cmds(2), g.cmd(2))...)
	g.inFn, g.loops = false, 0
	g.fns++
	return &syntax.Fn{Names: []syntax.Word{lit("f" + strconv.Itoa(g.fns-1))}, Body: body}
}

// top makes what comes at the top level only, or any command.
func (g *gen) top() []syntax.Cmd {
	switch g.IntN(12) {
	case 0:
		body := of(g, "one $a two\n", "$b^x $$ $#a\n", "")
		h := &syntax.Here{Tag: "END", Quoted: g.IntN(3) == 0, Body: body}
		return []syntax.Cmd{&syntax.Simple{Words: []syntax.Word{lit("cat")}, Redirs: []*syntax.Redir{{Op: syntax.RedirHere, Here: h}}}}
	case 1:
		return []syntax.Cmd{g.assign(true)}
	case 2, 3:
		return g.status(g.cmd(3))
	}
	return append(g.cmds(1), g.cmd(3))
}

// status prints the status of a command.
func (g *gen) status(c syntax.Cmd) []syntax.Cmd {
	return []syntax.Cmd{c, echo(quoted("status"), variable("status"))}
}

// cmds makes a few commands with no more than so many levels below them.
func (g *gen) cmds(depth int) []syntax.Cmd {
	var cs []syntax.Cmd
	for range g.IntN(3) {
		c := g.cmd(depth)
		if g.IntN(4) == 0 {
			cs = append(cs, g.status(c)...)
			continue
		}
		cs = append(cs, c)
		if _, ok := c.(*syntax.If); ok && g.IntN(2) == 0 {
			cs = append(cs, &syntax.IfNot{Body: g.body(depth)})
		}
	}
	return cs
}

func (g *gen) cmd(depth int) syntax.Cmd {
	if depth <= 0 {
		return g.leaf()
	}
	depth--
	switch g.IntN(20) {
	case 0, 1:
		return &syntax.If{Cond: block(g.cond(depth)), Body: g.body(depth)}
	case 2:
		return g.loop(func() syntax.Cmd {
			return &syntax.For{Var: lit("i"), In: true, List: g.words(3), Body: g.body(depth)}
		})
	case 3:
		return g.loop(func() syntax.Cmd {
			few := &syntax.Index{Name: lit(of(g, "a", "b", "*")), Subs: []syntax.Word{lit("1-3")}}
			return &syntax.For{Var: lit(of(g, "i", "a")), In: true, List: []syntax.Word{few}, Body: g.body(depth)}
		})
	case 4:
		return g.loop(func() syntax.Cmd { return g.while(depth) })
	case 5, 6:
		return g.switchCmd(depth)
	case 7:
		return &syntax.AndOr{Cmds: []syntax.Cmd{g.cond(depth), g.cmd(depth), g.leaf()}, Or: []bool{g.IntN(2) == 0, g.IntN(2) == 0}}
	case 8, 9:
		return g.pipe(depth)
	case 10:
		return &syntax.Subshell{Cmd: block(append(g.cmds(depth), g.last())...)}
	case 11:
		return &syntax.Not{Cmd: g.cond(depth)}
	case 12:
		b := block(append(g.cmds(depth), g.leaf())...)
		g.blocks++ // nobody else opens its file, as one side of a pipeline in it might too early
		b.Redirs = []*syntax.Redir{redir(syntax.RedirWrite, "block"+strconv.Itoa(g.blocks))}
		return b
	case 13:
		b := block(append(g.cmds(depth), simple(lit("cat")))...)
		b.Redirs = []*syntax.Redir{redir(syntax.RedirRead, g.file())}
		return b
	case 14:
		a := g.set(of(g, vars...), false)
		for strings.ContainsAny(syntax.PrintList([]syntax.Cmd{a}), "*?[") {
			a = g.set(of(g, vars...), false)
		}
		a.Cmd = g.cmd(depth)
		return a
	}
	return g.leaf()
}

// body makes what if and loops do.
func (g *gen) body(depth int) syntax.Cmd {
	if g.IntN(2) == 0 {
		return g.cmd(depth)
	}
	return block(append(g.cmds(depth), g.cmd(depth))...)
}

// loop makes a loop, or if there are two around it already something else.
func (g *gen) loop(make func() syntax.Cmd) syntax.Cmd {
	if g.loops == 2 {
		return g.leaf()
	}
	g.loops++
	defer func() { g.loops-- }()
	return make()
}

// while makes a loop that takes one after the other off a list of its own.
func (g *gen) while(depth int) syntax.Cmd {
	g.whiles++
	n := "n" + strconv.Itoa(g.whiles)
	some := &syntax.Not{Cmd: &syntax.Match{Subject: &syntax.Count{Name: lit(n)}, Patterns: []syntax.Word{lit("0")}}}
	next := &syntax.Assign{Vars: []syntax.Var1{{Name: lit(n), Value: &syntax.Index{Name: lit(n), Subs: []syntax.Word{lit("2-")}}}}}
	return block(
		&syntax.Assign{Vars: []syntax.Var1{{Name: lit(n), Value: &syntax.List{Words: []syntax.Word{lit("1"), lit("2"), lit("3")}}}}},
		&syntax.While{Cond: block(some), Body: block(next, g.cmd(depth), echo(variable(n)))},
	)
}

func (g *gen) switchCmd(depth int) syntax.Cmd {
	s := &syntax.Switch{Subject: &syntax.List{Words: []syntax.Word{g.subject()}}}
	for range 1 + g.IntN(3) {
		c := &syntax.Case{Patterns: g.patterns(), Cmds: append(g.cmds(depth), g.leaf())}
		s.Cases = append(s.Cases, c)
	}
	return s
}

// pipe makes a pipeline of two. The left one's status is an exit's, the right one
// reads all, so that neither depends on who is first.
func (g *gen) pipe(depth int) syntax.Cmd {
	left := block(append(g.cmds(depth), echo(g.words(3)...))...)
	if g.IntN(4) == 0 {
		left.Cmds = append(left.Cmds, simple(lit("exit"), lit(of(g, "0", "3", "7"))))
	}
	var right syntax.Cmd
	switch g.IntN(5) {
	case 0:
		right = &syntax.Assign{Vars: []syntax.Var1{{Name: lit(of(g, vars...)), Value: &syntax.Backquote{Body: block(simple(lit("cat")))}}}}
	case 1:
		right = block(append([]syntax.Cmd{simple(lit("cat"))}, g.cmds(depth)...)...)
	case 2:
		right = simple(lit("sort"))
	default:
		right = simple(lit("tr"), lit("a-z"), lit("A-Z"))
	}
	return &syntax.Pipeline{Cmds: []syntax.Cmd{left, right}, Links: []syntax.Link{{Left: 1}}}
}

// last makes the end of a subshell.
func (g *gen) last() syntax.Cmd {
	if g.IntN(2) == 0 {
		return simple(lit("exit"), of(g, lit("0"), lit("3"), lit("bad"), quoted("")))
	}
	return g.leaf()
}
