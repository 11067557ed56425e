package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// An rcCase is a record of rc-cases.txt, whose head tells its form.
type rcCase struct{ name, script string }

func readCases(t testing.TB) (cases []rcCase) {
	t.Helper()
	text, err := os.ReadFile("../testdata/rc-cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "case "); ok {
			cases = append(cases, rcCase{name: strings.TrimSpace(name)})
		} else if script, ok := strings.CutPrefix(line, "|"); ok {
			cases[len(cases)-1].script += script
		}
	}
	return cases
}

// TestCases parses what all of rc-cases.txt's oracles parse, and refuses what they
// refuse.
func TestCases(t *testing.T) {
	refused := map[string]string{
		"list-newline-in-parens": "t.rc:1: newline after b: syntax error",
		"ifnot-alone-error":      "t.rc:2: `if not' does not follow `if(...)'",
		"syntax-error":           "t.rc:2: token ')': syntax error",
		"syntax-error-quote":     "t.rc:2: token EOF: syntax error: the ' of line 1 is open",
	}
	cases := readCases(t)
	if len(cases) < 230 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		_, err := Parse("t.rc", c.script)
		if want := refused[c.name]; err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", c.name, err, want)
		}
		check(t, c.script)
	}
}

// TestCorpus wants of the system's own scripts that they parse, and all that
// FuzzParse wants.
func TestCorpus(t *testing.T) {
	n := 0
	for _, dir := range []string{"/usr/lib/plan9", "/etc"} {
		filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			text, err := os.ReadFile(name)
			if err != nil || !isScript(name, text) {
				return nil
			}
			n++
			if _, err := Parse(name, string(text)); err != nil {
				t.Error(err)
			}
			check(t, string(text))
			return nil
		})
	}
	if n == 0 {
		t.Skip("no rc scripts in /usr/lib/plan9: Debian's 9base is not installed")
	}
}

func isScript(name string, text []byte) bool {
	first, _, _ := strings.Cut(string(text), "\n")
	return utf8.Valid(text) && (strings.HasPrefix(first, "#!") && strings.HasSuffix(strings.TrimSpace(first), "/rc") || filepath.Base(name) == "rcmain")
}

// slow is Matches without its thought: the definition.
func slow(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	n := func() int { _, n := utf8.DecodeRuneInString(s); return n }()
	if pattern[0] != Mark || len(pattern) == 1 {
		return s != "" && s[0] == pattern[0] && slow(pattern[1:], s[1:])
	}
	switch pattern[1] {
	case '*':
		for ; s != ""; s = s[n:] {
			if slow(pattern[2:], s) {
				return true
			}
			_, n = utf8.DecodeRuneInString(s)
		}
		return slow(pattern[2:], "")
	case '?':
		return s != "" && slow(pattern[2:], s[n:])
	case '[':
		r, n := utf8.DecodeRuneInString(s)
		rest, ok := matchClass(pattern[2:], r, n)
		return ok && slow(rest, s[n:])
	}
	return s != "" && s[0] == pattern[1] && slow(pattern[2:], s[1:])
}
