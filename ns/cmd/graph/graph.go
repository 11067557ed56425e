package graph

import (
	"context"
	_ "embed"
	"flag"
	"os"
	"strconv"

	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("graph", flag.ContinueOnError)
	file := fs.String("n", "", "draw what `nsfile` builds")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	pid, name := 0, "ns"
	if fs.NArg() > 0 {
		var err error
		if pid, err = strconv.Atoi(fs.Arg(0)); err != nil || pid <= 0 || fs.NArg() > 1 || *file != "" {
			return flag.ErrHelp
		}
	}
	var text string
	var err error
	if *file != "" {
		var src ns.Source
		src, err = ns.File(*file)
		name, text = src.Name, src.Text
	} else {
		text, err = ns.Text(pid)
	}
	if err != nil {
		return err
	}
	ops, err := ns.ParseText(text, name)
	if err != nil {
		return err
	}
	title := "name space"
	switch {
	case *file != "":
		title += " of " + *file
	case pid != 0:
		title += " of process " + strconv.Itoa(pid)
	}
	_, err = std[1].WriteString(draw(title, tableOf(ops)))
	return err
}
