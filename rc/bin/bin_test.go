package bin_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"ninespace/rc/bin"
	"ninespace/rc/syntax"
)

// TestScripts holds the scripts to their form: a manual page first, short, formatted,
// and parsed as what they are printed as.
func TestScripts(t *testing.T) {
	if len(bin.Names()) < 10 {
		t.Fatal("no scripts: ", bin.Names())
	}
	for _, name := range bin.Names() {
		text, ok := bin.Text(name)
		if !ok {
			t.Errorf("%s: no text", name)
		}
		head := regexp.MustCompile(`^#!/mnt/bin/rc\n# ` + regexp.QuoteMeta(name) + ` - [^\n]+\n#\n#\t` + name + `\b[^\n]*\n(#\t[^\n]*\n)*#\n# [A-Z]`)
		if !head.MatchString(text) {
			t.Errorf("%s: does not begin with its manual page", name)
		}
		if n := strings.Count(text, "\n"); n > 36 {
			t.Errorf("%s: %d lines", name, n)
		}
		if info, err := os.Stat(name); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: is not executable: %v", name, err)
		}
		b, err := syntax.Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		one := syntax.PrintList(b.Cmds)
		again, err := syntax.Parse(name, one)
		if err != nil || syntax.PrintList(again.Cmds) != one {
			t.Errorf("%s: printed it is another script: %v", name, err)
		}
	}
	if _, ok := bin.Text("bin.go"); ok {
		t.Error("bin.go is a script")
	}
}

// TestMan: the page of a script has the sections of any other.
func TestMan(t *testing.T) {
	got := bin.Man("#!/mnt/bin/rc\n# x - does\n#\n#\tx a\n#\tx b\n#\n# Text.\n#\n#\tin it\n#\n# More.\n#\n#\tan example\necho\n")
	want := "/*\n# NAME\n\nx - does\n\n# SYNOPSIS\n\n\tnine x a\n\tnine x b\n\n# DESCRIPTION\n\nText.\n\n\tin it\n\nMore.\n\n# EXAMPLES\n\n\tan example\n*/\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
