package complete

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"ninespace/doc"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main gives the command, which knows the commands of a table.
func Main(t doc.Table) func(context.Context, [3]*os.File, []string) error {
	return func(_ context.Context, std [3]*os.File, args []string) error {
		if len(args) != 1 {
			return flag.ErrHelp
		}
		var script func([]words) string
		switch args[0] {
		case "bash":
			script = bashWords
		case "fish":
			script = fishWords
		case "rc":
			script = rcWords
		case "zsh":
			script = zshWords
		default:
			return fmt.Errorf("%w: %s: no such shell", flag.ErrHelp, args[0])
		}
		var all []words
		for _, c := range t.All() {
			all = append(all, wordsOf(c))
		}
		_, err := io.WriteString(std[1], script(all))
		return err
	}
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
	switch strings.TrimSuffix(word, ",...") {
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
func wordsOf(c doc.Command) words {
	w := words{name: c.Name, does: c.Does(), args: files}
	synopsis := c.Section("SYNOPSIS")
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
				if len(f) > 0 && f[0][0] >= 'a' && f[0][0] <= 'z' {
					value, f = f[0], f[1:]
				}
				if value != "" && len(word) > 2 { // no letters that stand together, but a word
					w.add(option{word[1:], value, ""})
					continue
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
	for line := range strings.Lines(c.Plain()) { // a list of options has the others
		f := strings.Fields(line)
		if strings.HasPrefix(line, "\t-") && len(f) > 1 && len(f[0]) == 2 && f[0] != "--" {
			value := ""
			if after, ok := strings.CutPrefix(line, "\t"+f[0]+" "+f[1]); ok && strings.HasPrefix(after, "  ") {
				value = f[1]
			}
			w.add(option{f[0][1:], value, ""})
		}
	}
	switch c.Name {
	case "man":
		w.args = names
	case "help":
		w.args = nothing
		for _, page := range doc.Topics() {
			w.verbs = append(w.verbs, page.Name)
		}
	}
	for i := range w.flags {
		w.flags[i].does = flagDoes(c.Plain(), w.flags[i])
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
	for line := range strings.Lines(page) {
		does, ok := strings.CutPrefix(strings.TrimSpace(line), "-"+o.letter)
		if !ok || does == "" || does[0] != ' ' && does[0] != '\t' {
			continue
		}
		does = strings.TrimPrefix(strings.TrimSpace(does), o.value+" ")
		return strings.TrimRight(strings.TrimSpace(does), ".,;")
	}
	return ""
}
