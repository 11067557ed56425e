package syntax

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// FuzzParse wants of any text that it is parsed or refused, the same in whatever
// pieces it comes; that what is parsed prints as what it is; and that a formatted
// script is the same one with all of its comments.
func FuzzParse(f *testing.F) {
	for _, c := range readCases(f) {
		f.Add(c.script)
	}
	for _, c := range parses {
		f.Add(c.text)
	}
	for _, c := range fails {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}

// check holds a text to all that FuzzParse wants.
func check(t *testing.T, text string) {
	t.Helper()
	b, comments, err := ParseComments("f", text)
	piecewise, perr := parse(NewParser("f", &pieces{text, 1}))
	if (err == nil) != (perr == nil) || err != nil && err.Error() != perr.Error() {
		t.Fatalf("at once %v, by the byte %v", err, perr)
	}
	one := PrintList(b.Cmds)
	if p := PrintList(piecewise.Cmds); p != one {
		t.Fatalf("at once\n%s\nby the byte\n%s", one, p)
	}
	again, aerr := Parse("printed", one)
	if aerr != nil {
		t.Fatalf("%v in\n%s", aerr, one)
	}
	if two := PrintList(again.Cmds); two != one {
		t.Fatalf("printed\n%s\nthen\n%s", one, two)
	}
	if err != nil {
		return
	}
	formatted, err := Format("f", text)
	if err != nil {
		t.Fatal(err)
	}
	fb, fcomments, err := ParseComments("formatted", formatted)
	if err != nil {
		t.Fatalf("%v in\n%s", err, formatted)
	}
	if p := PrintList(fb.Cmds); p != one {
		t.Fatalf("was\n%s\nformatted as\n%s\nit is\n%s", one, formatted, p)
	}
	if !slices.EqualFunc(comments, fcomments, func(a, b Comment) bool { return a.Text == b.Text }) {
		t.Fatalf("comments %v, formatted %v in\n%s", comments, fcomments, formatted)
	}
	if f2, err := Format("f", formatted); f2 != formatted {
		t.Fatalf("formatted\n%s\nthen\n%s%v", formatted, f2, err)
	}
}

// pieces is a Source of pieces of so many bytes.
type pieces struct {
	s string
	n int
}

func (p *pieces) Read(bool) (string, error) {
	if p.s == "" {
		return "", io.EOF
	}
	n := min(p.n, len(p.s))
	s := p.s[:n]
	p.s = p.s[n:]
	return s, nil
}

// FuzzNext has a parser go on after errors, as at a terminal: it comes to the end.
func FuzzNext(f *testing.F) {
	f.Add("echo )\necho a\x00b\ncat <<E )\nE\n", 3)
	f.Fuzz(func(t *testing.T, text string, n int) {
		p := NewParser("", &pieces{text, max(n, 1)})
		for range strings.Count(text, "\n") + strings.Count(text, "\x00") + 2 {
			if _, err := p.Next(); errors.Is(err, io.EOF) {
				return
			}
		}
		t.Fatal("no end")
	})
}

// FuzzMatches compares with a matcher that tries everything.
func FuzzMatches(f *testing.F) {
	f.Add("\x01*a\x01?[\x01[b-a]", "xaab")
	f.Add("\x01[~a\x01*]\x01*\x01*", "é\xffa")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 12 {
			return
		}
		if got, want := Matches(pattern, s), slow(pattern, s); got != want {
			t.Fatalf("%q %q: %v, want %v", pattern, s, got, want)
		}
	})
}
