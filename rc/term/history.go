package term

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ergochat/readline"
)

// most is how many commands are kept.
const most = 5000

const (
	longCommand = 32 << 10 // of more bytes are not kept
	longFile    = 8 << 20  // of more bytes only the last are read
	fullFile    = 2 << 20  // one of more bytes is made anew, with the last commands
)

// patience is how long files and functions may keep a person waiting.
var patience = 300 * time.Millisecond

// A history is what was typed, in a file that shells share: a command a line, with \n for a
// newline within and \\ for \. A command that is typed again goes to the end. Nothing
// that is wrong with the file matters to who types: the history is then this
// shell's own.
type history struct {
	name    string
	all     []string // the oldest first, each but once
	changed bool     // since the editor was told, and not only at the end
	told    int      // how many of them it was told

	at    int64 // how far the file was read
	inode uint64
	hangs chan struct{} // closed when a call that took too long has ended; nil: none did
}

// load tells the editor what there is that it has not been told.
func (h *history) load(inst *readline.Instance, name string) {
	if name != h.name {
		h.name, h.all, h.at, h.inode, h.changed = name, nil, 0, 0, true
	}
	h.read()
	if h.changed || h.told > len(h.all) {
		inst.ResetHistory()
		h.told, h.changed = 0, false
	}
	if h.told > 0 {
		inst.SaveToHistory("") // nothing is being recalled
	}
	for _, text := range h.all[h.told:] {
		inst.SaveToHistory(strings.ReplaceAll(text, "\n", string(newlineSign)))
	}
	h.told = len(h.all)
}

// push makes a text the last command.
func (h *history) push(text string) {
	n := len(h.all)
	if n > 0 && h.all[n-1] == text {
		return
	}
	if i := slices.Index(h.all, text); i >= 0 {
		h.all = slices.Delete(h.all, i, i+1)
		h.changed = true
	}
	h.all = append(h.all, text)
	if len(h.all) > most+most/4 {
		h.all = slices.Delete(h.all, 0, len(h.all)-most)
		h.changed = true
	}
}

// patiently runs what touches files, for a while. Nothing is tried again as long as
// it hangs.
func (h *history) patiently(do func() (then func())) {
	if h.hangs != nil {
		select {
		case <-h.hangs:
			h.hangs = nil
		default:
			return
		}
	}
	done := make(chan struct{})
	var then func()
	go func() {
		then = do()
		close(done)
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-done:
		if then != nil {
			then()
		}
	case <-t.C:
		h.hangs = done
	}
}

// read takes in what has been appended to the file since, by any shell.
func (h *history) read() {
	name, at, inode := h.name, h.at, h.inode
	if name == "" {
		return
	}
	h.patiently(func() func() {
		f, st, err := openHistory(name, os.O_RDONLY)
		if err != nil {
			return nil
		}
		defer f.Close()
		if st.Ino != inode || st.Size < at {
			at = 0
		}
		skip := false
		if st.Size-at > longFile {
			at, skip = st.Size-longFile, true
		}
		b, err := io.ReadAll(io.NewSectionReader(f, at, st.Size-at))
		if err != nil {
			return nil
		}
		end := bytes.LastIndexByte(b, '\n') + 1
		lines := string(b[:end])
		if skip {
			_, lines, _ = strings.Cut(lines, "\n")
		}
		return func() {
			h.take(lines)
			h.at, h.inode = at+int64(end), st.Ino
		}
	})
}

// take makes the lines of the file commands.
func (h *history) take(lines string) {
	texts := decode(lines)
	if len(texts) > 64 {
		// The last of each is kept.
		h.all = append(h.all, texts...)
		seen := map[string]bool{}
		kept := make([]string, 0, most)
		for _, text := range slices.Backward(h.all) {
			if !seen[text] && len(kept) < most {
				seen[text] = true
				kept = append(kept, text)
			}
		}
		slices.Reverse(kept)
		h.all, h.changed = kept, true
		return
	}
	for _, text := range texts {
		h.push(text)
	}
}

// add appends a command to the file, which the next read takes in.
func (h *history) add(name, text string) {
	if len(text) > longCommand {
		return
	}
	if name == "" {
		h.push(text)
		return
	}
	failed := true
	h.patiently(func() func() {
		err := appendLine(name, encode(text))
		return func() { failed = err != nil }
	})
	if failed {
		h.push(text)
	}
}
