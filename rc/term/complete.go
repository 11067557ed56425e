package term

import (
	_ "embed"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ninespace/rc"
	"ninespace/rc/syntax"
)

// script has the functions that give words for commands of their names: complete.NAME. A
// person's own function of such a name is used instead.
//
//go:embed complete.rc
var script string

// theirs are the builtins that rc's command adds.
var theirs = []string{"bind", "mount", "unmount", "ns", "srv"}

// A choice is what a word may be.
type choice struct {
	word string
	more bool // it goes on, as a directory does: no blank comes behind it
}

// Do is the editor's: it gives what may come behind the part of the line that is
// before the cursor, and how much of that the list of words to choose from shows.
func (d *edit) Do(line []rune, pos int) ([][]rune, int) {
	d.menu, d.choosing = false, false
	text := d.text(string(line[:pos]))
	if strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:]) == "" {
		return nil, 0 // a tab that is only one
	}
	p := find(d.e.sofar+text, d.e.r.Get)
	choices := d.e.choices(p)
	var out [][]rune
	for _, c := range choices {
		rest := quote(c.word[len(p.word):], p.quoted, !c.more)
		if !c.more && !p.name && len(choices) == 1 {
			rest += " "
		}
		out = append(out, []rune(rest))
	}
	const many = 2000 // are no help
	out = out[:min(len(out), many)]
	// What they all begin with is put there first, and no menu shown.
	d.menu = len(out) > 1 && slices.ContainsFunc(out, func(c []rune) bool {
		return len(c) == 0 || len(out[0]) == 0 || c[0] != out[0][0]
	})
	shown := p.word[strings.LastIndexByte(p.word, '/')+1:]
	if p.quoted || !strings.HasSuffix(text, shown) {
		return out, 0
	}
	return out, len([]rune(shown))
}

// choices gives what the word at a place may be, each but once.
func (e *Editor) choices(p *place) []choice {
	var all []choice
	switch {
	case p.name:
		for _, name := range e.r.Variables() {
			all = append(all, choice{name, false})
		}
	case p.file:
		all = e.files(p.word, false)
	case p.command() && !strings.HasPrefix(p.word, "/") && !strings.HasPrefix(p.word, "."):
		all = e.commands(p.word)
	case p.command():
		all = e.files(p.word, true)
	default:
		all = e.special(p)
		if len(all) == 0 {
			all = e.files(p.word, false)
		}
	}
	all = slices.DeleteFunc(all, func(c choice) bool {
		return !strings.HasPrefix(c.word, p.word) || strings.ContainsFunc(c.word, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
	slices.SortFunc(all, func(a, b choice) int { return strings.Compare(a.word, b.word) })
	return slices.CompactFunc(all, func(a, b choice) bool { return a.word == b.word })
}

// commands gives those whose names have a prefix.
func (e *Editor) commands(prefix string) []choice {
	var all []choice
	for _, name := range slices.Concat(e.r.Functions(), e.r.Builtins(theirs...), keywords) {
		all = append(all, choice{name, false})
	}
	dir, base := cutPath(prefix)
	var dirs []string
	for _, in := range e.r.Get("path") {
		dirs = append(dirs, in+"/"+dir)
	}
	for _, f := range e.r.List(patience, base, dirs...) {
		// Plan 9's have commands in directories of $path: ip/ping.
		if f.Mode.IsDir() && dir == "" && base == "" || !f.Mode.IsDir() && f.Mode.IsRegular() && f.Mode&0o111 == 0 {
			continue
		}
		all = append(all, entry(dir, f))
	}
	return all
}

var keywords = []string{"for", "while", "if", "not", "switch", "fn"}

// files gives those whose names have a prefix.
func (e *Editor) files(prefix string, commands bool) []choice {
	dir, base := cutPath(prefix)
	in := dir
	if in == "" {
		in = "."
	}
	var all []choice
	for _, f := range e.r.List(patience, base, in) {
		if commands && f.Mode.IsRegular() && f.Mode&0o111 == 0 || base == "" && strings.HasPrefix(f.Name, ".") {
			continue
		}
		all = append(all, entry(dir, f))
	}
	return all
}

func entry(dir string, f rc.Entry) choice {
	if f.Mode&fs.ModeDir != 0 {
		return choice{dir + f.Name + "/", true}
	}
	return choice{dir + f.Name, false}
}

// cutPath takes a name apart behind its last slash.
func cutPath(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i], name[i:]
}

// special gives the words that the function of the command's name writes, a line
// each, and for a word with a dash that it has none for, the flags of nine's command. One that
// ends in a slash goes on.
func (e *Editor) special(p *place) []choice {
	_, name := cutPath(p.args[0])
	all := e.called(p, "complete."+name, append(slices.Clone(p.args[1:]), p.word))
	if len(all) == 0 && strings.HasPrefix(p.word, "-") {
		all = e.called(p, "flags", []string{name})
	}
	return all
}

// called gives the words that a function of the script, or a person's, writes.
func (e *Editor) called(p *place, fn string, args []string) []choice {
	const slow = 2 * time.Second // for starting programs on a busy machine
	out, ok := e.r.Call(slow, "word="+syntax.Quote(p.word)+"\n"+script, fn, args...)
	if !ok {
		return nil
	}
	var all []choice
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			all = append(all, choice{line, strings.HasSuffix(line, "/")})
		}
	}
	return slices.DeleteFunc(all, func(c choice) bool { return !strings.HasPrefix(c.word, p.word) })
}
