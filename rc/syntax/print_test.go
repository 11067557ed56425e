package syntax

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPrintAny prints trees as no parser makes them: they get the quotes, carets
// and braces that they need to read back as they print.
func TestPrintAny(t *testing.T) {
	for seed := range uint64(500) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		c := m.cmd(4)
		one := Print(c)
		b, err := Parse("f", one)
		if err != nil {
			t.Fatalf("%d: %v in\n%s", seed, err, one)
		}
		if two := strings.TrimSuffix(PrintList(b.Cmds), "\n"); two != strings.TrimSuffix(one, "\n") {
			t.Fatalf("%d: printed\n%s\nthen\n%s", seed, one, two)
		}
		check(t, one)
	}
}

type maker struct{ *rand.Rand }

func (m maker) cmd(depth int) Cmd {
	depth--
	if depth < 0 {
		return &Simple{Words: m.words(1, 1)}
	}
	cmds := func(least int) []Cmd {
		var cs []Cmd
		for range least + m.IntN(3) {
			cs = append(cs, m.cmd(depth))
		}
		return cs
	}
	block := func() *Block { return &Block{Cmds: cmds(0)} }
	switch m.IntN(17) {
	case 0:
		return &Assign{Vars: []Var1{{m.word(1), m.word(1)}, {m.word(1), m.word(1)}}[m.IntN(2):]}
	case 1:
		return &Assign{Vars: []Var1{{m.word(1), m.word(1)}}, Cmd: m.cmd(depth)}
	case 2:
		return &Redirected{Redirs: m.redirs(1), Cmd: m.cmd(depth)}
	case 3:
		return &Block{Cmds: cmds(0), Redirs: m.redirs(0)}
	case 4:
		return &Not{Cmd: m.cmd(depth)}
	case 5:
		return &Subshell{Cmd: m.cmd(depth)}
	case 6:
		cs := cmds(2)
		return &Pipeline{Cmds: cs, Links: []Link{{1, 0}, {2, 0}, {3, 4}}[:len(cs)-1]}
	case 7:
		cs := cmds(2)
		return &AndOr{Cmds: cs, Or: []bool{true, false, true}[:len(cs)-1]}
	case 8:
		return &Async{Cmd: m.cmd(depth)}
	case 9:
		return &Block{Cmds: []Cmd{&If{Cond: block(), Body: m.cmd(depth)}, &IfNot{Body: m.cmd(depth)}}}
	case 10:
		return &For{Var: m.word(1), In: m.IntN(2) == 0, Body: m.cmd(depth)}
	case 11:
		return &While{Cond: block(), Body: m.cmd(depth)}
	case 12:
		return &Switch{Subject: m.word(1), Cases: []*Case{{Patterns: m.words(0, 1), Cmds: cmds(0)}, {Cmds: cmds(0)}}}
	case 13:
		return []Cmd{&Fn{Names: m.words(1, 1)}, &Fn{Names: m.words(1, 1), Body: block()}}[m.IntN(2)]
	case 14:
		return &Match{Subject: m.word(1), Patterns: m.words(0, 1)}
	case 15:
		return &Empty{}
	}
	return &Simple{Words: m.words(1, 2), Redirs: m.redirs(0)}
}

func (m maker) redirs(least int) []*Redir {
	var rs []*Redir
	for range least + m.IntN(2) {
		r := &Redir{Op: RedirOp(m.IntN(int(RedirClose) + 1)), Fd: int32(m.IntN(3))}
		switch r.Op {
		case RedirHere:
			r.Here = &Here{Tag: "E" + m.text(), Quoted: m.IntN(2) == 0, Body: "a\n"}
		case RedirDup, RedirClose:
			r.Arrow = RedirOp(m.IntN(int(RedirWrite) + 1))
		default:
			r.Word = m.word(1)
		}
		rs = append(rs, r)
	}
	return rs
}

func (m maker) words(least, depth int) []Word {
	var ws []Word
	for range least + m.IntN(3) {
		ws = append(ws, m.word(depth))
	}
	return ws
}

func (m maker) text() string {
	all := []string{"", "a", "if", "case", "not", "in", "~", "a b", "'", "=", "a=b", "$", "\\", "a\\", "#", "*", "[", "\"", "\"x", ".c", "é", "\x01", "{", "-1", "^"}
	return all[m.IntN(len(all))]
}

func (m maker) lit() *Lit {
	if m.IntN(6) == 0 {
		return &Lit{Text: "[a]*", Pattern: "\x01[a]\x01*"}
	}
	text := m.text()
	return &Lit{Text: text, Quoted: text == "case" || m.IntN(4) == 0} // Cases are in switches
}

func (m maker) word(depth int) Word {
	depth--
	if depth < 0 {
		return m.lit()
	}
	switch m.IntN(12) {
	case 0, 1:
		return &Var{Name: m.word(depth)}
	case 2:
		return &Count{Name: m.word(depth)}
	case 3:
		return &Join{Name: m.word(depth)}
	case 4:
		return &Index{Name: m.lit(), Subs: m.words(0, depth)}
	case 5:
		return &List{Words: m.words(0, depth)}
	case 6, 7, 8:
		c := &Conc{}
		for range 2 + m.IntN(2) {
			w := m.word(depth + 1)
			if _, ok := w.(*Conc); !ok {
				c.Parts = append(c.Parts, Part{w, m.IntN(2) == 0})
			}
		}
		if len(c.Parts) > 1 {
			return c
		}
	case 9:
		b := &Backquote{Body: &Block{Cmds: []Cmd{m.cmd(depth)}}}
		if m.IntN(2) == 0 {
			b.Sep = m.word(depth)
		}
		return b
	case 10:
		return &ProcSub{Op: RedirOp(m.IntN(int(RedirWrite) + 1)), Body: &Block{Cmds: []Cmd{m.cmd(depth)}}}
	}
	return m.lit()
}

func TestPrintWord(t *testing.T) {
	for _, text := range []string{"a", "'a b'", "$x(1 2)", "`{a | b}", "a^(b c)", "a'b'$c", "`{cat <<E}\n$x\nE\n"} {
		b, err := Parse("f", "echo "+text)
		if err != nil {
			t.Fatal(err)
		}
		if got := PrintWord(b.Cmds[0].(*Simple).Words[1]); got != text {
			t.Errorf("%q prints as %q", text, got)
		}
	}
}

// formats is how scripts are laid out.
var formats = []struct{ text, want string }{
	{"", ""},
	{"\n\n\n", ""},
	{"# a\n\n\n\n# b   \n", "# a\n\n# b\n"},
	{"a ; b # c\n d  &  e;f\n", "a; b # c\nd & e; f\n"},
	{"a\n\n\n\nb", "a\n\nb\n"},
	{"if (a) { # b\n\n# c\nd\n\n# e\n} # f\n# g", "if(a){ # b\n\n\t# c\n\td\n\n\t# e\n} # f\n# g\n"},
	{"if(a) # b\n# c\nd\nif not\n\te", "if(a) # b\n\t# c\n\td\nif not\n\te\n"},
	{"if(a) # b\n{c}", "if(a){ # b\n\tc\n}\n"},
	{"a | # b\n\nc &&\nd", "a | # b\n\tc &&\n\td\n"},
	{"a | {\nb\n} | c", "a | {\n\tb\n} | c\n"},
	{"a |\n{\nb\n} |\nc", "a |\n\t{\n\t\tb\n\t} |\n\tc\n"},
	{"echo a \\\n  b \\\n>f\n", "echo a \\\n\tb \\\n\t>f\n"},
	{"x=(a \\\nb)\n", "x=(a \\\n\tb)\n"},
	{"fn f{a;b}\nfn g {\na;b\n}", "fn f {a; b}\nfn g {\n\ta; b\n}\n"},
	{"fn f { a\n}", "fn f {a}\n"},
	{"switch($x) # a\n{ # b\n# c\ncase a # d\n# e\n\tb\n# f\ncase c; d\n # g\ncase *\n}\n",
		"switch($x){ # a\n# b\n# c\ncase a # d\n\t# e\n\tb\n# f\ncase c; d\n\t# g\ncase *\n}\n"},
	{"cat <<E # a\n  b\nE\nc", "cat <<E # a\n  b\nE\nc\n"},
	{"{\n\tcat <<E; b # c\n x\nE\n\n\nd }", "{\n\tcat <<E; b # c\n x\nE\n\n\td\n}\n"},
	{"x=`{a 'b\nc' | d}\ny", "x=`{a 'b\nc' | d}\ny\n"},
	{"x=`{\na # b\n}", "x=`{\n\ta # b\n}\n"},
	{"if(a # b\n) c", "if(\n\ta # b\n) c\n"},
	{"for(i)for(j){\na\n}", "for(i) for(j){\n\ta\n}\n"},
	{"@{a\nb} | c", "@{\n\ta\n\tb\n} | c\n"},
	{"echo a\\ b\\\\\n", "echo a\\ b\\\\ \n"},
}

func TestFormat(t *testing.T) {
	for _, c := range formats {
		got, err := Format("f", c.text)
		if got != c.want || err != nil {
			t.Errorf("%q is formatted as\n%s\nwant\n%s%v", c.text, got, c.want, err)
		}
		check(t, c.text)
	}
	if got, err := Format("f", "a )"); got != "" || err == nil {
		t.Errorf("%q, %v", got, err)
	}
}
