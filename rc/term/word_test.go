package term

import (
	"slices"
	"strings"
	"testing"

	"ninespace/rc/syntax"
)

func TestFind(t *testing.T) {
	value := func(name string) []string {
		return map[string][]string{"home": {"/usr/glenda"}, "list": {"a", "b"}}[name]
	}
	for _, c := range []struct {
		text   string
		word   string
		args   string
		flags  string // n: a variable's name; f: a file; q: in quotes
		isName bool
	}{
		{"", "", "", "", true},
		{"ec", "ec", "", "", true},
		{"echo a", "a", "echo", "", false},
		{"echo a ", "", "echo a", "", false},
		{"a; b", "b", "", "", true},
		{"a | b", "b", "", "", true},
		{"a |[2] b", "b", "", "", true},
		{"a && b", "b", "", "", true},
		{"a & b", "b", "", "", true},
		{"a\nb", "b", "", "", true},
		{"{a", "a", "", "", true},
		{"x=`{a", "a", "", "", true},
		{"echo `{a", "a", "", "", true},
		{"echo `{a b} c", "c", "echo  ", "", false},
		{"if(a", "a", "", "", true},
		{"if(a b) c", "c", "", "", true},
		{"while(! a", "a", "", "", true},
		{"for(i in a", "a", "for i in", "", false},
		{"@ a", "a", "", "", true},
		{"! a", "a", "", "", true},
		{"builtin a", "a", "", "", true},
		{"echo 'a b", "a b", "echo", "q", false},
		{"echo 'it''s", "it's", "echo", "q", false},
		{"echo a'b c'd", "ab cd", "echo", "", false},
		{"echo $ho", "ho", "echo", "n", false},
		{"echo $#ho", "ho", "echo", "n", false},
		{"echo $\"ho", "ho", "echo", "n", false},
		{"$ho", "ho", "", "n", false},
		{"echo $home/l", "/usr/glenda/l", "echo", "", false},
		{"echo $list/l", "$list/l", "echo", "", false},
		{"a >b", "b", "a", "f", false},
		{"a >>b", "b", "a", "f", false},
		{"a >[2] b", "b", "a", "f", false},
		{"a <b c", "c", "a", "", false},
		{"x=b", "b", "", "f", false},
		{"x=b c", "c", "", "", true},
		{"echo a=b", "a=b", "echo", "", false},
		{"cat <{a", "a", "", "", true},
		{"echo # a", "", "#", "", false},
		{"# a\nb", "b", "", "", true},
		{"echo a\\", "a\\", "echo", "", false},
		{"echo é日", "é日", "echo", "", false},
		{"}})) a", "a", "", "", true},
	} {
		p := find(c.text, value)
		flags := ""
		if p.name {
			flags += "n"
		}
		if p.file {
			flags += "f"
		}
		if p.quoted {
			flags += "q"
		}
		if p.word != c.word || strings.Join(p.args, " ") != c.args || flags != c.flags || p.command() != c.isName {
			t.Errorf("%q: got word %q of %q, %s, command %v", c.text, p.word, p.args, flags, p.command())
		}
	}
}

// FuzzFind: any text has a place, and what is put behind its word is rc that is read as
// one word.
func FuzzFind(f *testing.F) {
	f.Add("echo 'a b", "c d'")
	f.Add("for(i in $x) `{a", "'")
	f.Add("a |[2", "")
	f.Fuzz(func(t *testing.T, text, rest string) {
		p := find(text, func(string) []string { return nil })
		if strings.ContainsAny(rest, "\x00\n\x01") {
			return
		}
		word := "x" + quote(rest, false, true)
		b, err := syntax.Parse("", "echo "+word+"\n")
		if err != nil || len(b.Cmds) != 1 {
			t.Errorf("%q: %q: %v", rest, word, err)
		}
		_ = p
	})
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		text           string
		within, closed bool
		want           string
	}{
		{"plain", false, true, "plain"},
		{"a b", false, true, "'a b'"},
		{"a b/", false, false, "'a b/"},
		{"it's", false, true, "'it''s'"},
		{"it's", true, true, "it''s'"},
		{"", true, true, "'"},
		{"", false, true, ""},
		{"a=b", false, true, "'a=b'"},
	} {
		if got := quote(c.text, c.within, c.closed); got != c.want {
			t.Errorf("%q %v %v: got %s", c.text, c.within, c.closed, got)
		}
	}
}

func TestPromptParts(t *testing.T) {
	for _, c := range [][3]string{
		{"% ", "", "% "},
		{"dir\n% ", "dir\n", "% "},
		{"\x1b[31m%\x1b[m ", "", "\x1b[31m%\x1b[m "},
		{"\x1b]0;title\a% ", "\x1b]0;title\a", "% "},
		{"\x1b]0;title\x1b\\% ", "\x1b]0;title\x1b\\", "% "},
		{"\x1b[2J%\x1b", "\x1b[2J\x1b", "%"},
		{"\t", "", "\t"},
		{"", "", ""},
	} {
		if before, last := promptParts(c[0]); before != c[1] || last != c[2] {
			t.Errorf("%q: got %q, %q", c[0], before, last)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\rc\n\n": "a\nb\nc",
		"a\x1b[31m\x00": "a[31m",
		"\tx\u0085\xff": "\tx\ufffd",
		"日本":            "日本",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

func TestUnfinished(t *testing.T) {
	for text, want := range map[string]bool{
		"echo\n": false, "{\n": true, "{ a\n}\n": false, "echo 'a\n": true, "a |\n": true, "a \\\n": true,
		"if(a\n": true, "fn f\n": false, ")\n": false, "x=\n": false, "cat <<E\na\n": true, "cat <<E\na\nE\n": false,
	} {
		if got := unfinished(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestDecode(t *testing.T) {
	all := []string{"echo a", "fn f {\n\techo\n}", `echo \n \\`, "日本"}
	var lines string
	for _, text := range all {
		lines += encode(text)
	}
	if strings.Count(lines, "\n") != len(all) {
		t.Errorf("got %q", lines)
	}
	if got := decode(lines); !slices.Equal(got, all) {
		t.Errorf("got %q", got)
	}
	bad := "\n\\\n" + strings.Repeat("x", 3*longCommand) + "\n\x00\x1b\ngood\n"
	if got := decode(bad); !slices.Equal(got, []string{"\\", "good"}) {
		t.Errorf("got %q", got)
	}
}
