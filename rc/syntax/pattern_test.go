package syntax

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string // the pattern as it is typed, every meta live
		want       bool
	}{
		{"abc", "abc", true}, {"abc", "ab", false}, {"ab", "abc", false}, {"", "", true}, {"", "a", false},
		{"a*", "abc", true}, {"*c", "abc", true}, {"*b*", "abc", true}, {"*", "", true}, {"**", "a", true}, {"a*b", "a", false},
		{"*ab*ab", "abab", true}, {"*ab*ab", "xabyab", true}, {"*ab*ab", "aab", false}, {"a*?c", "abc", true}, {"a*?c", "ac", false},
		{"a?c", "abc", true}, {"?", "", false}, {"?", "é", true}, {"??", "日本", true}, {"??", "é", false}, {"?", "\xff", true},
		{"*é", "aé", true}, {"*\xa9", "é", false},
		{"[a-c]", "b", true}, {"[c-a]", "b", true}, {"[a-c]", "d", false}, {"[~a-c]", "d", true}, {"[~a-c]", "b", false},
		{"[abc]x", "bx", true}, {"[a-cx-z]", "y", true}, {"[é-ü]", "ö", true}, {"[-a]", "-", true}, {"[a\\-z]", "-", false},
		{"[a\\-z]", "b", true}, {"[~]", "a", true}, {"[]", "a", false}, {"[]", "", false}, {"[~]", "", false},
		{"[", "[", false}, {"[a", "a", false}, {"[a-", "a", false}, {"[a-]", "a", false}, {"a[", "ab", false},
		{"[*]", "*", true}, {"[*]", "a", false}, {"[?[]", "[", true}, {"[*]", "\x01", false}, {"[]]", "]", false}, {"[x\\]]", "]", false},
		{"/*/*", "/usr/.x", true}, {"*", ".hidden", true}, {"\x01", "\x01", true},
	} {
		b, err := Parse("f", "~ x "+c.pattern)
		p := ""
		if err != nil {
			t.Fatal(err)
		}
		if ps := b.Cmds[0].(*Match).Patterns; len(ps) > 0 {
			if p = ps[0].(*Lit).Pattern; p == "" {
				p = Literal(ps[0].(*Lit).Text)
			}
		}
		if got := Matches(p, c.s); got != c.want {
			t.Errorf("%s %q: %v", c.pattern, c.s, got)
		}
		if u := Unmark(p); u != c.pattern {
			t.Errorf("%q unmarked is %q", c.pattern, u)
		}
	}
}

func TestMatchesName(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"\x01*", ".", false}, {"\x01*", "..", false}, {"\x01?\x01?", "..", false}, {"\x01*", ".h", true},
		{".\x01*", ".", true}, {".\x01*", "..", true}, {".\x01*", ".h", true}, {"\x01[.]", ".", false},
	} {
		if got := MatchesName(c.pattern, c.name); got != c.want {
			t.Errorf("%q %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestMarks(t *testing.T) {
	for _, s := range []string{"", "a", "*", "\x01", "\x01*", "a\x01\x01b"} {
		p := Literal(s)
		if Live(p) || Unmark(p) != s || !Matches(p, s) || Matches(p, s+"x") {
			t.Errorf("%q: %q", s, p)
		}
		if !Live(p+"\x01*") || !Matches(p+"\x01*", s+"x") {
			t.Errorf("%q and a star: %q", s, p)
		}
	}
}

// TestMatchesManyStars would not end if each star were tried with all of the rest.
func TestMatchesManyStars(t *testing.T) {
	if Matches(strings.Repeat("\x01*a", 1000)+"b", strings.Repeat("a", 10000)) {
		t.Error("no b is there")
	}
	if !Matches(strings.Repeat("\x01*", 100000), "") {
		t.Error("stars match nothing")
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "a", "a b", "it's", "'", "a\nb", "*", "a=b", "$x", "\\", "日本", "\xff", "\x01", "#", "~", "a\\"} {
		b, err := Parse("f", "echo "+Quote(s)+"\necho "+Quote(s)+"^x")
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		l := b.Cmds[0].(*Simple).Words[1].(*Lit)
		if l.Text != s || l.Pattern != "" || len(b.Cmds) != 2 {
			t.Errorf("%q is %s is %q", s, Quote(s), l.Text)
		}
	}
}

func TestClass(t *testing.T) {
	for c := range 256 {
		var want uint8
		if c > 0 && !strings.ContainsRune("\n \t#;&|^$=`'{}()<>", rune(c)) {
			want |= isWord
		}
		if c > ' ' && !strings.ContainsRune("!\"#$%&'()+,-./:;<=>?@[\\]^`{|}~", rune(c)) {
			want |= isName
		}
		if c == Mark || strings.ContainsRune("*?[", rune(c)) {
			want |= isMeta
		}
		if c == '=' {
			want |= isEqual
		}
		if class[c] != want {
			t.Errorf("%q: %b, want %b", rune(c), class[c], want)
		}
	}
}
