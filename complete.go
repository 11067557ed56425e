/*
Complete prints what teaches a shell to complete nine's words.

# NAME

complete - print completion of nine's words for bash, fish or zsh

# SYNOPSIS

	nine complete bash|fish|zsh

# DESCRIPTION

Complete prints a script for the shell, which then completes the names of
commands, their flags, posted servers, and files. It is made of the table of commands
and the pages of this binary. The Debian package has it installed.

Rc needs none: it has its own.

# EXAMPLES

In .bashrc, in config.fish, in .zshrc behind compinit:

	source <(nine complete bash)
	nine complete fish | source
	source <(nine complete zsh)

# SEE ALSO

rc
*/
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

//go:embed complete.go
var completePage string

func complete(_ context.Context, std [3]*os.File, args []string) error {
	if len(args) != 1 {
		return flag.ErrHelp
	}
	shells := map[string]func([]words) string{"bash": bashWords, "fish": fishWords, "zsh": zshWords}
	shell, ok := shells[args[0]]
	if !ok {
		return fmt.Errorf("%w: %s: no such shell", flag.ErrHelp, args[0])
	}
	var all []words
	for _, c := range append(commands(), scripts()...) {
		all = append(all, wordsOf(c))
	}
	slices.SortFunc(all, func(a, b words) int { return strings.Compare(a.name, b.name) })
	_, err := io.WriteString(std[1], shell(all))
	return err
}

// words is what may be typed after a command's name.
type words struct {
	name, does string
	flags      []option
	verbs      []string // what the first argument may be, if it is one of a few words
	args       kind     // what the arguments are
}

// An option is a flag.
type option struct {
	letter string
	value  string // the word for its value, "" for none
	does   string
}

// A kind is what a word stands for.
type kind string

const (
	files    kind = "files"
	dirs     kind = "dirs"
	servers  kind = "servers"  // posted ones, and files
	programs kind = "programs" // and files
	names    kind = "names"    // of nine's commands
	nothing  kind = "nothing"
)

// kindOf tells what a word of a SYNOPSIS stands for.
func kindOf(word string) kind {
	switch word {
	case "dir", "directory":
		return dirs
	case "srvname", "server", "dialstring", "addr":
		return servers
	case "cmd", "command":
		return programs
	}
	return files
}

// wordsOf reads a command's SYNOPSIS: [-ab] is flags, [-c word] or -c word one with a
// value, and the rest arguments. A further line that begins with [option ...] has a verb.
func wordsOf(c command) words {
	w := words{name: c.name, does: c.does(), args: files}
	synopsis := section(c.man, "SYNOPSIS")
	for i, line := range strings.Split(synopsis, "\n") {
		line = strings.NewReplacer("[", " [ ", "]", " ] ").Replace(line)
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nine" {
			continue
		}
		f = f[2:] // nine name
		for len(f) > 0 {
			word := f[0]
			f = f[1:]
			switch {
			case len(word) > 1 && word[0] == '-':
				value := ""
				if len(word) == 2 && len(f) > 0 && f[0][0] >= 'a' && f[0][0] <= 'z' {
					value, f = f[0], f[1:]
				}
				for _, letter := range strings.Split(word[1:], "") {
					w.add(option{letter, value, ""})
				}
			case word == "option" && i > 0 && len(f) > 2:
				if v := strings.Trim(f[2], "[]"); v != "" {
					w.verbs = append(w.verbs, v)
				}
				f = nil
				w.args = servers // behind the verb
			case strings.Contains(word, "|") && len(word) > 1:
				w.verbs = append(w.verbs, strings.Split(word, "|")...)
			case word[0] >= 'a' && word[0] <= 'z' && w.args == files:
				w.args = kindOf(word)
			}
		}
	}
	for line := range strings.Lines(plain(c.man)) { // a list of options has the others
		f := strings.Fields(line)
		if strings.HasPrefix(line, "\t-") && len(f) > 1 && len(f[0]) == 2 && f[0] != "--" {
			value := ""
			if after, ok := strings.CutPrefix(line, "\t"+f[0]+" "+f[1]); ok && strings.HasPrefix(after, "  ") {
				value = f[1]
			}
			w.add(option{f[0][1:], value, ""})
		}
	}
	switch c.name {
	case "man":
		w.args = names
	case "help":
		w.args = nothing
		for page := range strings.SplitSeq("\n"+topics, "\n# ") {
			if name, _, ok := strings.Cut(page, " - "); ok {
				w.verbs = append(w.verbs, name)
			}
		}
	}
	for i := range w.flags {
		w.flags[i].does = flagDoes(c.man, w.flags[i])
	}
	return w
}

func (w *words) add(o option) {
	if !slices.ContainsFunc(w.flags, func(p option) bool { return p.letter == o.letter }) {
		w.flags = append(w.flags, o)
	}
}

// flagDoes finds the line of a page that begins with the flag, and gives what it says.
func flagDoes(page string, o option) string {
	for line := range strings.Lines(plain(page)) {
		does, ok := strings.CutPrefix(strings.TrimSpace(line), "-"+o.letter)
		if !ok || does == "" || does[0] != ' ' && does[0] != '\t' {
			continue
		}
		does = strings.TrimPrefix(strings.TrimSpace(does), o.value+" ")
		return strings.TrimRight(strings.TrimSpace(does), ".,;")
	}
	return ""
}
