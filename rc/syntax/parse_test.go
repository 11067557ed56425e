package syntax

import (
	"errors"
	"strings"
	"testing"
)

// parses is what is accepted, by the rules of the language, and the one way in
// which it prints.
var parses = []struct{ text, want string }{
	// Words.
	{"echo a  b\tc", "echo a b c"},
	{"echo 'it''s' '' a''b ''''", "echo 'it''s' '' a''b ''''"},
	{"echo 'a\nb'", "echo 'a\nb'"},
	{"echo a\\b 'a\\b' \\n", `echo a\b 'a\b' \n`},
	{"echo a\\\nb", "echo a b"},
	{"echo 'a'\\\nb", "echo 'a' b"},
	{"echo a\\\\\nb", "echo a\\\\ \nb"},
	{"echo a \\\n", "echo a"},
	{"echo \\", `echo \ `},
	{"echo 'one\\\ntwo'", "echo 'one\\\ntwo'"},
	{"echo a # b ' c \\\necho b", "echo a\necho b"},
	{"echo d#e", "echo d"},
	{"#a\n # b\necho", "echo"},
	{"echo for in while if not switch fn ! @ ~", "echo for in while if not switch fn ! @ ~"},
	{"echo a~b c!d @e f@g", "echo a~b c!d @e f@g"},
	{"'if' a; 'case'", "'if' a\n'case'"},
	{"!x ~x @x ifx", "!x ~x @x ifx"},
	{"echo \"a\" a\"b", "echo \"a\" a\"b"},
	{"echo 日本 \xff", "echo 日本 \xff"},
	{"echo a* 'a*' *'*'? [~a-z]", "echo a* 'a*' *'*'? [~a-z]"},
	{"(echo a) b", "(echo a) b"},
	{"case a b", "case a b"},

	// Equals signs.
	{"echo a=b =c d= = 'e=f' -x=$y=z", "echo a=b =c d= = 'e=f' -x=$y=z"},
	{"x=a", "x=a"},
	{"x = (a b)", "x=(a b)"},
	{"x= c", "x=c"},
	{"x=a=b y==", "x=a=b y=="},
	{"echo =b", "echo=b"},
	{"x=1 y=2 z=3", "x=1 y=2 z=3"},
	{"x=1 echo $x", "x=1 echo $x"},
	{"x=1 a | b && c", "x=1 a | b && c"},
	{"x=1 | cat", "x=1 {} | cat"},
	{"x=1 if(a) b", "x=1 if(a) b"},
	{"$x=a 'a b'=c *=() (x y)=z a^b=c a$b=c", "$x=a 'a b'=c *=() (x y)=z a^b=c a$b=c"},
	{"x=a* y=`{a} z=<{b}", "x=a* y=`{a} z=<{b}"},

	// Variables.
	{"echo $x $* $1 $x_y $é", "echo $x $* $1 $x_y $é"},
	{"echo $x.c $x-y $x/y $x* $x^*", "echo $x.c $x-y $x/y $x* $x^*"},
	{"echo $'a b' $'x' $'#' $.x $ x", "echo $'a b' $'x' $'#' $.x $x"},
	{"echo $$x $$$x $(xa) $(x^$i) $`{a}", "echo $$x $$$x $(xa) $(x^$i) $`{a}"},
	{"echo $#x $\"x $#$n $\"$n $#* $#1", "echo $#x $\"x $#$n $\"$n $#* $#1"},
	{"echo $x(1) $x(2-3 $i 2-) $x() $x (2)", "echo $x(1) $x(2-3 $i 2-) $x() $x (2)"},
	{"echo $$n(2) $'a b'(1) $x(1)(2)", "echo $$n(2) $'a b'(1) $x(1) (2)"},
	{"echo $if $~ $!", "echo $if $~ $!"},

	// Carets.
	{"echo a^b a ^ b a^ b (a b)^(1 2)", "echo a^b a^b a^b (a b)^(1 2)"},
	{"echo a$x'b'`{c}", "echo a$x'b'`{c}"},
	{"echo $x$y a'b'c $#x^n n$#x", "echo $x$y a'b'c $#x^n n$#x"},
	{"echo p$x(2)s `{a}b", "echo p$x(2) s `{a} b"},
	{"echo p$x(2)^s `{a}^b", "echo p$x(2)^s `{a}^b"},
	{"echo 'a'^'b' a^b", "echo 'a'^'b' a^b"},
	{"echo if$x $x'(a)' for^in", "echo if$x $x'(a)' for^in"},
	{"a^b c", "a^b c"},
	{"echo ^a", "echo^a"},
	{"a^if c", "a^if c"},

	// Backquotes and pipes with names.
	{"x=`{a; b}", "x=`{a; b}"},
	{"x=` {a\nb}", "x=`{a; b}"},
	{"x=`:{a} y=`''{b} z=`$nl {c} w=`a^b{d}", "x=`:{a} y=`''{b} z=`$nl{c} w=`a^b{d}"},
	{"echo `{echo x`{echo y}}", "echo `{echo x`{echo y}}"},
	{"cmp <{a} <{b} >{c} <>{d}", "cmp <{a} <{b} >{c} <>{d}"},
	{"wc < <{a}", "wc < <{a}"},
	{"<{a} b", "<{a} b"},
	{"> {a} b", ">{a} b"},
	{"x=a <{b}", "x=a <{b}"},
	{">f <{b} c", ">f <{b} c"},

	// Redirections.
	{"a >f >>g <h <>i", "a >f >>g <h <>i"},
	{"a > f b >[2] g c", "a >f b >[2]g c"},
	{"a >[1]f <[0]f >[0]f <[1]f", "a >f <f >[0]f <[1]f"},
	{"a >[2=1] <[5=0] <>[0=3] >[12=13]", "a >[2=1] <[5=0] <>[0=3] >[12=13]"},
	{"a >[1=] <[0=] <>[3=]", "a >[1=] <[0=] <>[3=]"},
	{">f echo a", ">f echo a"},
	{">f a | b", ">f a | b"},
	{">f", ">f"},
	{">f >g x=1 | a", ">f >g x=1 {} | a"},
	{"x=5 >f", "x=5 >f"},
	{"{a} >f <g | b", "{\n\ta\n} >f <g | b"},
	{"a >f^g >$x >a=b > [x] >(a)", "a >f^g >$x >a=b > [x] >(a)"},
	{"a>b", "a >b"},

	// Here documents.
	{"cat <<E; b\n$x\nE\nc", "cat <<E\n$x\nE\nb\nc"},
	{"cat <<'E F' >f\n$x\nE F", "cat <<'E F' >f\n$x\nE F"},
	{"cat <<A <<[3]B\na\nA\nb\nB", "cat <<A <<[3]B\na\nA\nb\nB"},
	{"{\ncat <<E\nin\nE\n}", "{\n\tcat <<E\nin\nE\n}"},
	{"cat <<E |\nwc\nbody\nE", "cat <<E | wc\nbody\nE"},
	{"if(cat <<E) a\nb\nE", "if(cat <<E) a\nb\nE"},
	{"cat <<E && {\nbody\nE\nb }", "cat <<E && {\nbody\nE\n\tb\n}"},
	{"cat <<E\nno end", "cat <<E\nno end\nE"},
	{"cat <<E", "cat <<E\nE"},
	{"cat <<''\na\n\nb", "cat <<''\na\n\nb"},
	{"cat <<a*", "cat <<a*\na*"},
	{"cat << [", "cat << [\n["},
	{"x=`{cat <<E}\na\nE", "x=`{cat <<E}\na\nE"},

	// Lists of commands.
	{"", ""},
	{";;\n\n;", ""},
	{"a; b & c &; d", "a\nb &\nc &\nd"},
	{"&", "{} &"},
	{"a & & b | | c & && d ||", "a &\n{} &\nb | {} | c &\n{} && d || {}"},
	{"a | b |[2] c |[3=4] d |[5] e |[0=1] f", "a | b |[2] c |[3=4] d |[5] e | f"},
	{"a |\n\n# c\nb", "a | b"},
	{"a && b || c &&\nd", "a && b || c && d"},
	{"a || !b | c", "a || !b | c"},
	{"| a; && b; a |; b && ; ! ;@", "{} | a\n{} && b\na | {}\nb && {}\n! {}\n@{}"},
	{"! a | b && c", "! a | b && c"},
	{"@ a | b; @{a}; @{a} >f | b", "@ a | b\n@{\n\ta\n}\n@{\n\ta\n} >f | b"},
	{"{}", "{}"},
	{"{a;b\nc}", "{\n\ta\n\tb\n\tc\n}"},
	{"!{a}", "! {\n\ta\n}"},

	// Control.
	{"if(a) b", "if(a) b"},
	{"if(a)\n\n#\nb", "if(a) b"},
	{"if(a;b\nc) {d}", "if(a; b; c){\n\td\n}"},
	{"if() a", "if() a"},
	{"if(a) b && c | d", "if(a) b && c | d"},
	{"if(a) b\nif not c", "if(a) b\nif not c"},
	{"if(a) b;;\n\n# c\nif not c", "if(a) b\nif not c"},
	{"if(a) {b}\nif not {c}", "if(a){\n\tb\n}\nif not {\n\tc\n}"},
	{"if(a) b; if not if(c) d; if not e", "if(a) b\nif not if(c) d\nif not e"},
	{"{if(a) b; if not c}", "{\n\tif(a) b\n\tif not c\n}"},
	{"if(a) ;if not ;", "if(a){}\nif not {}"},
	{"if(a) b; if not(c) d", "if(a) b\nif not (c) d"},
	{"a | if(b) c | d", "a | if(b) c | d"},
	{"for(i in a b*) c", "for(i in a b*) c"},
	{"for(i) c; for(i in) c; for(in in in) c", "for(i) c\nfor(i in) c\nfor(in in in) c"},
	{"for($x in a=b)\n{c}", "for($x in a=b){\n\tc\n}"},
	{"while(a) b; while() c", "while(a) b\nwhile() c"},
	{"switch(a){case b\nc}", "switch(a){\ncase b\n\tc\n}"},
	{"switch $x {\n#\ncase a* (b c); d; e\ncase\nf\n}", "switch $x {\ncase a* (b c)\n\td\n\te\ncase\n\tf\n}"},
	{"switch(a)\n{\n case b }", "switch(a){\ncase b\n}"},
	{"switch(a){case b; 'case' c; {case d}}", "switch(a){\ncase b\n\t'case' c\n\t{\n\t\tcase d\n\t}\n}"},
	{"fn a b {c}", "fn a b {\n\tc\n}"},
	{"fn a; fn if for {b}", "fn a\nfn if for {\n\tb\n}"},
	{"fn a{b} | c", "fn a {\n\tb\n} | c"},
	{"~ a b; ~ $x a* (b c); ~ a; ~a", "~ a b\n~ $x a* (b c)\n~ a\n~a"},
	{"~$x a && b", "~ $x a && b"},
	{"! ~ a b", "! ~ a b"},
	{"!~ a b", "!~ a b"},
}

// fails is what is refused, and what is said.
var fails = []struct{ text, want string }{
	{"echo )", "f:1: token ')': syntax error"},
	{"a\nb\necho (", "f:3: token EOF: syntax error"},
	{"a\nfn f {\n\techo 'b\n}\nc\n", "f:6: token EOF: syntax error: the ' of line 3 is open"},
	{"if(true) {\n\tfor(i) {\n\t\ta\n\t}\n", "f:5: token EOF: syntax error: the { of line 1 is open"},
	{"while(a\n{b}\n", "f:3: token EOF: syntax error: the ( of line 1 is open"},
	{"x=`{a\n", "f:2: token EOF: syntax error: the { of line 1 is open"},
	{"x=(a b\nc)", "f:1: newline after b: syntax error"},
	{"x=\n", "f:1: newline after '=': syntax error"},
	{"x= # none\n", "f:1: newline after '=': syntax error"},
	{"# x\nfor # none\n", "f:2: newline after for: syntax error"},
	{"if\n(a) b", "f:1: newline after if: syntax error"},
	{"echo 'a b' >\n", "f:1: newline after '>': syntax error"},
	{"for(i in 'a b'\n)", "f:1: newline after '''a b''': syntax error"},
	{"x=(" + strings.Repeat("y", 100) + "\n", "f:1: newline after " + strings.Repeat("y", 64) + ": syntax error"},
	{"x=\\\n\n", "f:2: newline: syntax error"},
	{"echo {a", "f:1: token '{': syntax error"},
	{"echo 'a\n\n", "f:3: token EOF: syntax error: the ' of line 1 is open"},
	{"echo a(b)", "f:1: token '(': syntax error"},
	{"echo $#x(1)", "f:1: token '(': syntax error"},
	{"echo $\"x(1)", "f:1: token '(': syntax error"},
	{"echo !(a)", "f:1: token '(': syntax error"},
	{"echo a^", "f:1: token EOF: syntax error"},
	{"echo a^\n", "f:1: newline after '^': syntax error"},
	{"^a", "f:1: token '^': syntax error"},
	{"if^a b", "f:1: token '^': syntax error"},
	{"echo $", "f:1: token EOF: syntax error"},
	{"echo $=x", "f:1: token '=': syntax error"},
	{"= a", "f:1: token '=': syntax error"},
	{"in a", "f:1: token in: syntax error"},
	{"not a", "f:1: token not: syntax error"},
	{"if a", "f:1: token a: syntax error"},
	{"if(a", "f:1: token EOF: syntax error"},
	{"if(a} b", "f:1: token '}': syntax error"},
	{"if(a) b }", "f:1: token '}': syntax error"},
	{"{a) }", "f:1: token ')': syntax error"},
	{"for a", "f:1: token a: syntax error"},
	{"for(i inside a) b", "f:1: token inside: syntax error"},
	{"for(i in a\nb) c", "f:1: newline after a: syntax error"},
	{"for() a", "f:1: token ')': syntax error"},
	{"while a", "f:1: token a: syntax error"},
	{"switch a b {}", "f:1: token b: syntax error"},
	{"switch(a){}", "f:1: case missing in switch"},
	{"\nswitch(a){\nb\ncase c\nd }", "f:2: case missing in switch"},
	{"switch(a){case a >f\nb}", "f:1: case missing in switch"},
	{"switch(a){case a} >f", "f:1: token '>': syntax error"},
	{"fn f\n{a}\nfn f {a} b", "f:3: token b: syntax error"},
	{"~", "f:1: token EOF: syntax error"},
	{"~ a b >f", "f:1: token '>': syntax error"},
	{"{a} b", "f:1: token b: syntax error"},
	{"{a} >{b}", "f:1: token '{': syntax error"},
	{"a\nif not b", "f:2: `if not' does not follow `if(...)'"},
	{"if(a) b &\nif not c", "f:2: `if not' does not follow `if(...)'"},
	{"if(a) b; c; if not d", "f:1: `if not' does not follow `if(...)'"},
	{"{if(a) b}; if not c", "f:1: `if not' does not follow `if(...)'"},
	{"if(a) b; {if not c}", "f:1: `if not' does not follow `if(...)'"},
	{"if(a) b; ! if not c", "f:1: `if not' does not follow `if(...)'"},
	{"if(a) b; if not c &", "f:1: `if not' does not follow `if(...)'"},
	{"if(a) b; x=1 if not c", "f:1: `if not' does not follow `if(...)'"},
	{"a || if(a) b; if not c", "f:1: `if not' does not follow `if(...)'"},
	{"if(a) b; if not c; if not d", "f:1: `if not' does not follow `if(...)'"},
	{"a >[1", "f:1: redirection syntax"},
	{"a >[a]b", "f:1: redirection syntax"},
	{"a >[1=2", "f:1: redirection syntax"},
	{"a >>[1=2]", "f:1: redirection syntax"},
	{"a <<[1=2]", "f:1: redirection syntax"},
	{"a >[99999999999]b", "f:1: redirection syntax"},
	{"a |[a] b", "f:1: pipe syntax"},
	{"a |[1=] b", "f:1: pipe syntax"},
	{"a > ", "f:1: token EOF: syntax error"},
	{"a >>{b}", "f:1: token '{': syntax error"},
	{"a <<b^c", "f:1: Bad here tag"},
	{"a <<$b", "f:1: Bad here tag"},
	{"a <<'b\n'", "f:1: Bad here tag"},
	{"a\n\nb\x00c\n", "f:3: NUL byte"},
	{"cat <<E\n\x00\nE\n", "f:2: NUL byte"},
	{"echo `a", "f:1: token EOF: syntax error"},
	{"echo `{a", "f:1: token EOF: syntax error"},
	{"echo a)))" + strings.Repeat("x", 100), "f:1: token ')': syntax error"},
	{"if " + strings.Repeat("x", 100), "f:1: token " + strings.Repeat("x", 64) + ": syntax error"},
	{"{ {\n\n" + strings.Repeat("(", MaxDepth), "f:3: nested too deep"},
}

func TestParse(t *testing.T) {
	for _, c := range parses {
		b, err := Parse("f", c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := strings.TrimSuffix(PrintList(b.Cmds), "\n"); got != c.want {
			t.Errorf("%q prints as\n%s\nwant\n%s", c.text, got, c.want)
		}
		check(t, c.text)
	}
}

func TestFail(t *testing.T) {
	for _, c := range fails {
		_, err := Parse("f", c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
		var e *Error
		if errors.As(err, &e) && e.End != (e.Token == "EOF") {
			t.Errorf("%q: End is %v", c.text, e.End)
		}
		check(t, c.text)
	}
}

func TestErrorHasNoName(t *testing.T) {
	_, err := Parse("", "a\n)")
	if want := "line 2: token ')': syntax error"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
