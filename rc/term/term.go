// Package term is how rc is typed at a terminal: it edits lines, keeps their history,
// completes words, and has jobs in the foreground and background.
//
// The editing is done by github.com/ergochat/readline. Of the libraries there are it is
// the one that costs a program nothing before it is used: nine is one binary, and what a
// package does at start every command of it would pay for. Measured with
// GODEBUG=inittrace=1: ergochat/readline 0.00 ms, reeflective/readline .5 ms, the editor of
// elvish .35 ms, hymkor/go-multiline-ny .1 to .2 ms. It redraws a text of several lines
// rightly, but has no key to begin one, asks the terminal where the cursor is and waits
// for an answer, and takes a paste for keys: those things are done around it, by what it
// reads (keys), its filter of keys and its listener (edit).
//
// A text that is longer than the screen, pasted or of the history, is one sign in the
// editor, of as many as it has to: ▤. It is run whole.
package term

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/ergochat/readline"

	"ninespace/rc"
	"ninespace/rc/syntax"
)

// An Editor is an [rc.LineReader] at a terminal.
type Editor struct {
	tty  *TTY
	r    *rc.Runner
	keys *keys
	out  *screen
	inst *readline.Instance
	edit edit
	past *history

	resized func()
	sofar   string // lines of the command before this one
}

// Smart tells whether a terminal of the name, $TERM, can be edited on.
func Smart(name string) bool {
	switch name {
	case "", "dumb", "unknown", "network", "emacs", "9term":
		return false
	}
	return true
}

// NewEditor makes an editor. For gives it the interpreter that is its caller, before
// the first line is read.
func NewEditor(tty *TTY) *Editor {
	k := &keys{tty: tty}
	return &Editor{tty: tty, keys: k, out: &screen{tty: tty, keys: k}, past: &history{}}
}

// For says whose commands are read.
func (e *Editor) For(r *rc.Runner) { e.r = r }

// begin makes what the first line needs.
func (e *Editor) begin() error {
	if e.inst != nil {
		return nil
	}
	e.edit.e = e
	var err error
	e.inst, err = readline.NewFromConfig(&readline.Config{
		HistoryLimit:           2 * most,
		DisableAutoSaveHistory: true,
		AutoComplete:           &e.edit,
		Listener:               e.edit.listen,
		Painter:                e.edit.paint,
		FuncFilterInputRune:    e.edit.filter,
		InterruptPrompt:        "^C",
		EOFPrompt:              "\n",
		Undo:                   true,
		Stdin:                  e.keys,
		Stdout:                 e.out,
		Stderr:                 e.out,
		FuncIsTerminal:         func() bool { return true },
		FuncMakeRaw:            e.tty.raw,
		FuncExitRaw:            e.tty.cooked,
		FuncGetSize:            e.tty.size,
		FuncOnWidthChanged:     func(f func()) { e.resized = f },
	})
	return err
}

// ReadLine is the interpreter's.
func (e *Editor) ReadLine(prompt string, more bool) (string, error) {
	if err := e.begin(); err != nil {
		return "", err
	}
	if !more {
		e.remember(e.sofar)
		e.sofar = ""
		e.past.load(e.inst, e.historyFile())
	}
	before, last := promptParts(prompt)
	e.inst.SetPrompt(last)
	e.out.prompt(before)
	e.edit.reset()
	e.tty.raw()
	e.tty.Write([]byte(freshLine(e.tty) + e.titled("") + before + "\x1b[?2004h"))
	e.resized()
	end := e.tty.onResize(func() {
		e.resized()
		e.inst.Refresh()
	})
	line, err := e.inst.ReadLine()
	end()
	e.tty.Write([]byte("\x1b[?2004l"))
	e.tty.cooked()
	switch {
	case e.keys.hungUp():
		return "", io.EOF // and not what was typed and never sent
	case errors.Is(err, readline.ErrInterrupt), err != nil && more:
		e.sofar = ""
		return "", rc.ErrInterrupt
	case err != nil:
		return "", err
	}
	line = e.edit.text(line) + "\n"
	e.sofar += line
	if !unfinished(e.sofar) {
		e.remember(e.sofar)
		e.tty.Write([]byte(e.titled(e.sofar)))
		e.sofar = ""
	}
	return line, nil
}

// remember has a command in the history.
func (e *Editor) remember(text string) {
	text = strings.TrimRight(text, "\n")
	if text == "" || text[0] == ' ' || text[0] == '\t' {
		return
	}
	e.past.add(e.historyFile(), text)
}

// historyFile is $history, or $home/lib/rchistory.
func (e *Editor) historyFile() string {
	if l := e.r.Get("history"); len(l) == 1 {
		return l[0]
	}
	if l := e.r.Get("home"); len(l) == 1 && strings.HasPrefix(l[0], "/") {
		return l[0] + "/lib/rchistory"
	}
	return ""
}

// unfinished tells whether a text ends within a command.
func unfinished(text string) bool {
	src := &once{text: text}
	p := syntax.NewParser("", src)
	for {
		_, err := p.Next()
		var bad *syntax.Error
		if err != nil && (!errors.As(err, &bad) || bad.End || src.text == "" && src.more) {
			return src.more
		}
	}
}

// once is a text, and whether more of it was asked for within a command.
type once struct {
	text string
	more bool
}

func (o *once) Read(more bool) (string, error) {
	if text := o.text; text != "" {
		o.text = ""
		return text, nil
	}
	o.more = o.more || more
	return "", io.EOF
}

// freshLine begins a line if the cursor is not at the beginning of one: a mark and as many
// blanks as a line has columns go to the next one only then.
func freshLine(t *TTY) string {
	width, _ := t.size()
	return "\x1b[?25h\x1b[m\x1b[7m\\\x1b[m" + strings.Repeat(" ", width-1) + "\r \r"
}

// promptParts takes a prompt apart: all up to its last newline, and what else is
// nothing that stands in the line, and that line with its colours.
func promptParts(prompt string) (before, last string) {
	i := strings.LastIndexByte(prompt, '\n') + 1
	var b, l strings.Builder
	b.WriteString(prompt[:i])
	for s := prompt[i:]; s != ""; {
		n := control(s)
		switch {
		case n == 0:
			n = 1
			l.WriteByte(s[0])
		case strings.HasPrefix(s, "\x1b[") && s[n-1] == 'm':
			l.WriteString(s[:n])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String(), l.String()
}

// control gives the length of the control sequence that a text begins with.
func control(s string) int {
	if s[0] == '\t' || s[0] >= ' ' && s[0] != 0x7f {
		return 0
	}
	if s[0] != '\x1b' || len(s) == 1 {
		return 1
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
		}
		return len(s)
	case ']':
		for i := 2; i < len(s); i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == '\\' && s[i-1] == '\x1b' {
				return i + 1
			}
		}
		return len(s)
	}
	return 2
}

// titled is what names the window after a command, or else the directory, on terminals that
// have a title.
func (e *Editor) titled(command string) string {
	if !hasTitle(os.Getenv("TERM")) {
		return ""
	}
	text, _, _ := strings.Cut(command, "\n")
	if text == "" {
		text = e.r.Dir()
	}
	const long = 80
	if r := []rune(text); len(r) > long {
		text = string(r[:long])
	}
	return "\x1b]2;" + strings.ReplaceAll(clean(text), "\t", " ") + "\a"
}

// hasTitle tells whether terminals of a name have a title that OSC 2 sets.
func hasTitle(name string) bool {
	for _, has := range []string{"xterm", "rxvt", "screen", "tmux", "alacritty", "foot", "kitty", "konsole", "gnome", "vte", "st-", "wezterm", "ghostty", "contour"} {
		if strings.HasPrefix(name, has) {
			return true
		}
	}
	return name == "st"
}
