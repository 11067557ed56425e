package man

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"ninespace/doc"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main gives the command, which knows the commands of a table.
func Main(t doc.Table) func(context.Context, [3]*os.File, []string) error {
	return func(_ context.Context, std [3]*os.File, args []string) error {
		fs := flag.NewFlagSet("man", flag.ContinueOnError)
		roff := fs.Bool("r", false, "for man(1)")
		if len(args) > 0 && args[0] == "-k" {
			return elsewhere(std, args, fmt.Errorf("%w: -k: nine lookman WORD finds pages by what is in them", flag.ErrHelp))
		}
		if err := srv.Parse(fs, args); err != nil {
			return elsewhere(std, args, err)
		}
		switch {
		case fs.NArg() == 0 && !*roff:
			return t.List(std[1])
		case fs.NArg() == 2 && fs.Arg(0) >= "1" && fs.Arg(0) < ":":
			return elsewhere(std, args, fmt.Errorf("%w: %s: pages are of no section: nine man %s", flag.ErrHelp, fs.Arg(0), fs.Arg(1)))
		case fs.NArg() != 1:
			return elsewhere(std, args, flag.ErrHelp)
		}
		name := fs.Arg(0)
		c, ok := t.Lookup(name)
		if name == "nine" {
			c, ok = doc.Command{Name: name, Man: t.Man}, true
		}
		switch {
		case !ok:
			return elsewhere(std, args, fmt.Errorf("%s: no manual page; nine alone lists the commands", name))
		case *roff:
			_, err := io.WriteString(std[1], c.Roff())
			return err
		}
		return doc.Show(std, c.Plain())
	}
}

// elsewhere has the system's man(1) do what ours can't, if ours was called by its bare
// name, as in a name space, where it hides that one. Otherwise it returns err.
func elsewhere(std [3]*os.File, args []string, err error) error {
	if filepath.Base(os.Args[0]) != "man" {
		return err
	}
	self, serr := os.Executable()
	if serr != nil {
		return err
	}
	mine, serr := os.Stat(self)
	if serr != nil {
		return err
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, "man")
		if st, serr := os.Stat(file); serr != nil || os.SameFile(st, mine) || st.IsDir() {
			continue
		}
		if path, serr := exec.LookPath(file); serr == nil {
			return doc.Exec(std, "", path, args...)
		}
	}
	return err
}
