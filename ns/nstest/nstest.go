// Package nstest holds the rules of bind(1), mount(1) and rfork(1) that name spaces
// are tested by: those of package ns, where a table of mounts is all there is, and
// those of the commands, in the kernel's hands.
package nstest

import (
	_ "embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
)

// A Rule is one of rules.txt, which says what there is in it.
type Rule struct {
	Name  string
	Lines []string   // commands
	Want  [][]string // what each prints
}

//go:embed rules.txt
var text string

// Rules gives the rules in their order.
func Rules() (rules []Rule) {
	_, text, _ := strings.Cut(text, "\n# ")
	for r := range strings.SplitSeq(text, "\n# ") {
		var rule Rule
		rule.Name, r, _ = strings.Cut(r, "\n")
		for line := range strings.SplitSeq(strings.TrimRight(r, "\n"), "\n") {
			out, isOut := strings.CutPrefix(line, "\t")
			switch n := len(rule.Want) - 1; {
			case isOut:
				rule.Want[n] = append(rule.Want[n], out)
			case line != "":
				rule.Lines, rule.Want = append(rule.Lines, line), append(rule.Want, nil)
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

// MakeTree makes in a directory what each rule starts with.
func MakeTree(t testing.TB, dir string) {
	t.Helper()
	for _, f := range []string{"a/x", "a/ax", "a/sub/s", "b/x", "b/bx", "c/cx", "d/", "f"} {
		p := filepath.Join(dir, f)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		if err == nil && strings.HasSuffix(f, "/") {
			err = os.MkdirAll(p, 0o755)
		} else if err == nil {
			err = os.WriteFile(p, []byte(f+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// MakeRam makes the tree of the server ram, in which everybody may make files.
func MakeRam(t testing.TB) srv.File {
	t.Helper()
	ctx := t.Context()
	root := ramfs.New()
	err := srv.Wstat(ctx, root, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o777})
	var dir srv.File
	if err == nil {
		dir, _, err = srv.Create(ctx, root, "dir", fs.ModeDir|0o777, p9.OREAD)
	}
	for _, f := range []struct {
		in         srv.File
		name, text string
	}{{root, "r", "r\n"}, {dir, "in", "dir/in\n"}} {
		var h srv.Handle
		if err == nil {
			_, h, err = srv.Create(ctx, f.in, f.name, 0o666, p9.OWRITE)
		}
		if err == nil {
			_, err = h.(srv.Writer).Write(ctx, []byte(f.text), 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}
