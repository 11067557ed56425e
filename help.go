/*
Help tells of what takes several commands.

# NAME

help - tell of name spaces, dial strings, keys, clusters, scripts

# SYNOPSIS

	nine help [topic]

# DESCRIPTION

Help shows a short page on the topic, one of namespace, dial, auth, cluster and
scripts, as man shows a command's, or without one lists the topics. A word that is
no topic but a command has that one's manual page shown.

# EXAMPLES

	nine help namespace

# SEE ALSO

man

# DIAGNOSTICS

"no such topic": nine help lists them.
*/
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

//go:embed help.go
var helpPage string

// topics is the pages, each below a line "# name - what it is about".
//
//go:embed help.txt
var topics string

func help(ctx context.Context, std [3]*os.File, args []string) error {
	if len(args) > 1 || len(args) == 1 && strings.HasPrefix(args[0], "-") {
		return flag.ErrHelp
	}
	var b strings.Builder
	for page := range strings.SplitSeq("\n"+strings.TrimSpace(topics), "\n# ") {
		head, body, _ := strings.Cut(page, "\n")
		name, does, ok := strings.Cut(head, " - ")
		switch {
		case !ok:
		case len(args) == 0:
			fmt.Fprintf(&b, "%-12s%s\n", name, does)
		case name == args[0]:
			return show(ctx, std, head+"\n"+body+"\n")
		}
	}
	if len(args) == 0 {
		_, err := io.WriteString(std[1], b.String())
		return err
	}
	if _, ok := lookup(args[0]); ok {
		return man(ctx, std, args)
	}
	return fmt.Errorf("%s: no such topic; nine help lists them", args[0])
}
