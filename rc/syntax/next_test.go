package syntax

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestMore tells which prompt is shown for each line.
func TestMore(t *testing.T) {
	s := &typed{lines: strings.SplitAfter("a\n\n{\n# c\nb\n}\necho 'x\ny' \\\nz\na |\nb\nif(a)\nb\ncat <<E\nx\nE\n)\nc; )\nfn f {\n)\nd\n", "\n")}
	p := NewParser("", s)
	var got []string
	for {
		_, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.log = append(s.log, "bad")
		}
		got = append(got, strings.Join(s.log, ""))
		s.log = nil
	}
	want := "%a %- %{ >#c >b >} %echo'x >y'\\ >z %a| >b %if(a) >b %cat<<E >x >E %)bad %c;)bad %fnf{ >)bad %d"
	if g := strings.Join(got, " "); strings.ReplaceAll(g, ">", " >") != strings.ReplaceAll(want, " >", " >") {
		t.Errorf("%s\nwant\n%s", strings.ReplaceAll(g, ">", " >"), want)
	}
}

// typed is a Source of lines that logs what it was asked.
type typed struct {
	lines []string
	log   []string
}

func (s *typed) Read(more bool) (string, error) {
	if len(s.lines) == 1 {
		return "", io.EOF
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	word := strings.NewReplacer(" ", "", "\n", "").Replace(line)
	if word == "" {
		word = "-"
	}
	s.log = append(s.log, map[bool]string{false: "%", true: ">"}[more]+word)
	return line, nil
}

// TestNextIsLazy wants no line read before it is needed, and none given twice.
func TestNextIsLazy(t *testing.T) {
	s := &typed{lines: []string{"a; b\n", "c", ""}}
	p := NewParser("f", s)
	for _, want := range []int{2, 1} {
		b, err := p.Next()
		if err != nil || len(b.Cmds) != want {
			t.Fatalf("%v, %v", b, err)
		}
		if len(s.lines) != want {
			t.Errorf("%d lines left, want %d", len(s.lines), want)
		}
	}
	for range 2 {
		if b, err := p.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%v, %v", b, err)
		}
	}
}

// TestSourceError wants a source's own error, after what was whole before it.
func TestSourceError(t *testing.T) {
	broken := errors.New("broken")
	p := NewParser("f", sourceFunc(func(bool) (string, error) { return "a\nb", broken }))
	if b, err := p.Next(); err != nil || len(b.Cmds) != 1 {
		t.Errorf("%v, %v", b, err)
	}
	for range 2 {
		if _, err := p.Next(); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
}

type sourceFunc func(bool) (string, error)

func (f sourceFunc) Read(more bool) (string, error) { return f(more) }

func TestHereParts(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"", "[]"},
		{"a\n", "[a]"},
		{"line $x\n", "[line  $x \n]"},
		{"$$5 $x^y $x.c $1$2 $*\n", "[$5  $x y  $x .c  $1 $2   $* \n]"},
		{"$ $^a $$$x $#x $\"x\n", "[ a $ $x  #x \"x\n]"},
		{"$x(2) `{a} 'b' $é\n", "[$x (2) `{a} 'b'  $é \n]"},
	} {
		b, err := Parse("f", "cat <<E\n"+c.body+"E\n")
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, p := range b.Cmds[0].(*Simple).Redirs[0].Here.Parts {
			if p.Var != "" {
				p.Text += "$" + p.Var
			}
			parts = append(parts, p.Text)
		}
		if got := strings.TrimSpace(fmt.Sprint(parts)); got != strings.ReplaceAll(c.want, "[a]", "[a\n]") {
			t.Errorf("%q is %q, want %q", c.body, got, c.want)
		}
	}
}

// TestPos tells where nodes begin.
func TestPos(t *testing.T) {
	const text = "a 'b\nc' d | >f {\n\tx=1 if(y) `{z\n}\n}"
	b, err := Parse("f", text)
	if err != nil {
		t.Fatal(err)
	}
	pipe := b.Cmds[0].(*Pipeline)
	left := pipe.Cmds[0].(*Simple)
	right := pipe.Cmds[1].(*Redirected)
	block := right.Cmd.(*Block)
	assign := block.Cmds[0].(*Assign)
	body := assign.Cmd.(*If).Body.(*Simple)
	for i, c := range []struct{ got, want Pos }{
		{pipe.At, Pos{1, 1}}, {left.Words[1].Pos(), Pos{1, 3}}, {left.Words[2].Pos(), Pos{2, 4}},
		{right.At, Pos{2, 8}}, {right.Redirs[0].At, Pos{2, 8}}, {right.Redirs[0].Word.Pos(), Pos{2, 9}},
		{block.At, Pos{2, 11}}, {block.End, Pos{5, 1}}, {assign.At, Pos{3, 2}}, {assign.Cmd.Pos(), Pos{3, 6}},
		{body.At, Pos{3, 12}}, {body.Words[0].(*Backquote).Body.End, Pos{4, 1}}, {b.End, Pos{5, 2}},
	} {
		if c.got != c.want {
			t.Errorf("%d: %v, want %v", i, c.got, c.want)
		}
	}
}
