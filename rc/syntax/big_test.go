package syntax

import (
	"errors"
	"strings"
	"testing"
)

// TestBig parses what is long, in blocks of a file's, and refuses what is deep.
func TestBig(t *testing.T) {
	const n = 1 << 15
	for name, text := range map[string]string{
		"a word of 10 MB":    "echo " + strings.Repeat("x", 10<<20),
		"quoted":             "echo '" + strings.Repeat("x''\n", n) + "'",
		"many words":         "x=(" + strings.Repeat("word ", n) + ")",
		"many arguments":     "echo" + strings.Repeat(" $x", n),
		"many parts":         "echo a" + strings.Repeat("^a", n),
		"many free carets":   "echo a" + strings.Repeat("$x", n),
		"many pipes":         "a" + strings.Repeat("|a", n),
		"many ands":          "a" + strings.Repeat("&&a", n),
		"many assignments":   strings.Repeat("x=a ", n) + "b",
		"many redirs":        strings.Repeat("<a ", n) + "b",
		"many commands":      "{" + strings.Repeat("a;", n) + "}",
		"many lines":         strings.Repeat("a\n", n),
		"many empty":         strings.Repeat(";", n),
		"a long document":    "cat <<E\n" + strings.Repeat("$x y\n", n) + "E",
		"a comment of 10 MB": "#" + strings.Repeat("x", 10<<20),
		"continued lines":    "echo" + strings.Repeat("\\\n", n),
		"backslashes":        "echo " + strings.Repeat("\\", n),
		"deep, but not too":  strings.Repeat("{", 4000) + strings.Repeat("}", 4000),
	} {
		b, err := parse(NewParser("f", Reader(strings.NewReader(text))))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		one := PrintList(b.Cmds)
		again, err := Parse("f", one)
		if err != nil || PrintList(again.Cmds) != one {
			t.Errorf("%s: does not print as it is, %v", name, err)
		}
	}
	for _, s := range []string{"(", "{", "$", "@ ", "! ", "if(", "if() ", "`{", "`", "<{", "a=`{", "$x(", "$(", "for(i)", "echo (", ">x a=b ", "switch(a){case b;", "fn f {", "echo `"} {
		_, err := Parse("f", strings.Repeat(s, n))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("many %s: %v", s, err)
		}
	}
}
