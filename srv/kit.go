package srv

// The kit: the files that most servers are made of.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv/p9"
)

var lastPath atomic.Uint64

// NewPath gives a qid path that no other file made in this process through the
// kit has. Servers with identities of their own keep theirs below 1<<48.
func NewPath() uint64 { return 1<<48 | lastPath.Add(1) }

// A Node is the attributes of a made-up file, for embedding: Qid path, mode,
// owner, times. Its owner is the user that the process runs as.
type Node struct {
	path  uint64
	mode  fs.FileMode
	start time.Time
}

// NewNode makes the attributes of a file with the given type and permissions.
func NewNode(mode fs.FileMode) Node { return Node{NewPath(), mode, time.Now()} }

// Stat gives the node's attributes; its version is 0, not to be cached.
func (n *Node) Stat(context.Context) (p9.Stat, error) {
	return p9.Stat{Qid: p9.Qid{Type: p9.QidTypeOf(n.mode), Path: n.path}, Mode: n.mode,
		Nuid: owner().uid, Ngid: owner().gid, Atime: n.start, Mtime: n.start, Ctime: n.start}, nil
}

type owners struct{ uid, gid uint32 }

// owner is the user that the process runs as.
var owner = sync.OnceValue(func() owners { return owners{uint32(os.Getuid()), uint32(os.Getgid())} })

// Wstat accepts what a shell's > does to a file before it writes, truncation,
// and changes of times, and does nothing; anything else is prohibited.
func (n *Node) Wstat(_ context.Context, w p9.Wstat) error {
	if w.Valid&^(p9.WLength|p9.WAtime|p9.WMtime|p9.WAtimeNow|p9.WMtimeNow) != 0 {
		return p9.ErrWstat
	}
	return nil
}

// A Dir is a directory whose entries the program puts in and takes out. It may
// change while it is served. It is Inline, and so is what embeds one: a method of that which may
// wait returns ErrAgain where Nonblock(ctx) holds, or the connection stands meanwhile.
type Dir struct {
	Node
	mu   sync.RWMutex
	ents map[string]dirEnt
	next uint64
}

type dirEnt struct {
	f      File
	cookie uint64
}

// NewDir makes an empty directory, mode 0555.
func NewDir() *Dir { return &Dir{Node: NewNode(fs.ModeDir | 0o555), ents: map[string]dirEnt{}} }

// Add puts a file under a name, in place of what had it, and returns d.
func (d *Dir) Add(name string, f File) *Dir {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	d.ents[name] = dirEnt{f, d.next}
	return d
}

// Del takes a name out.
func (d *Dir) Del(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ents, name)
}

// Inline marks that walks and lists of a Dir never block.
func (d *Dir) Inline() {}

// Walk finds an entry.
func (d *Dir) Walk(_ context.Context, name string) (File, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e, ok := d.ents[name]; ok {
		return e.f, nil
	}
	return nil, p9.ErrNotExist
}

// List gives the entries in the order in which they were added.
func (d *Dir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	type ent struct {
		name string
		dirEnt
	}
	var ents []ent
	d.mu.RLock()
	for name, e := range d.ents {
		if e.cookie > cookie {
			ents = append(ents, ent{name, e})
		}
	}
	d.mu.RUnlock()
	sort.Slice(ents, func(i, j int) bool { return ents[i].cookie < ents[j].cookie })
	return func(yield func(p9.Dirent, error) bool) {
		for _, e := range ents {
			st, err := p9.Stat{}, ErrAgain
			if !Nonblock(ctx) || isInline(e.f) {
				st, err = e.f.Stat(ctx)
			}
			if errors.Is(err, ErrAgain) {
				yield(p9.Dirent{}, err)
				return
			}
			if err != nil {
				continue // gone since
			}
			if !yield(p9.Dirent{Qid: st.Qid, Cookie: e.cookie, Mode: st.Mode & fs.ModeType, Name: e.name}, nil) {
				return
			}
		}
	}
}

// Text is a file whose text is made when it is opened: all reads through one fid
// see one moment.
func Text(mode fs.FileMode, text func(ctx context.Context) (string, error)) File {
	return &textFile{NewNode(mode), text}
}

type textFile struct {
	Node
	text func(context.Context) (string, error)
}

func (t *textFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := t.Node.Stat(ctx)
	st.Snapshot = true
	return st, err
}

func (t *textFile) Open(ctx context.Context, _ p9.Mode) (Handle, error) {
	s, err := t.text(ctx)
	if err != nil {
		return nil, err
	}
	return Bytes(s), nil
}

// Const is a file that reads as the same text each time.
func Const(s string) File {
	return &constFile{NewNode(0o444), Bytes(s)}
}

type constFile struct {
	Node
	Bytes
}

func (*constFile) Inline() {}

// Bytes is a Handle, or part of a File, that reads as its text.
type Bytes string

// Read gives the text's bytes at an offset.
func (b Bytes) Read(_ context.Context, p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	return copy(p, b[off:]), nil
}

// Inline marks that reading never blocks.
func (Bytes) Inline() {}

// Cmds is a ctl file: each write is one command or several lines of them, the
// first word picks the func and args are the words after it. Words are split at
// blanks; 'single quotes' hold blanks, two of them inside are one quote, as rc has it.
// An error comes back with the command in front, that of an unknown one with those
// that there are. read makes what the file reads
// as, as Text has it; nil for a file that is only written.
func Cmds(mode fs.FileMode, read func(ctx context.Context) (string, error), cmds map[string]func(ctx context.Context, args []string) error) File {
	return &cmdFile{NewNode(mode), read, cmds}
}

type cmdFile struct {
	Node
	read func(context.Context) (string, error)
	cmds map[string]func(context.Context, []string) error
}

type cmdHandle struct {
	text Bytes // not embedded: commands may wait, so that it is not Inline
	f    *cmdFile
}

func (h *cmdHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return h.text.Read(ctx, p, off)
}

func (f *cmdFile) Open(ctx context.Context, mode p9.Mode) (Handle, error) {
	h := &cmdHandle{f: f}
	if f.read != nil && mode.Readable() {
		s, err := f.read(ctx)
		if err != nil {
			return nil, err
		}
		h.text = Bytes(s)
	}
	return h, nil
}

func (h *cmdHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	for line := range lines(string(p)) {
		words, err := Fields(line)
		if err != nil {
			return 0, err
		}
		if len(words) == 0 {
			continue
		}
		cmd, ok := h.f.cmds[words[0]]
		if !ok {
			known := strings.Join(slices.Sorted(maps.Keys(h.f.cmds)), ", ")
			return 0, fmt.Errorf("unknown control message %q: not one of %s: %w", words[0], known, p9.ErrorOfText("Invalid argument"))
		}
		if err := cmd(ctx, words[1:]); err != nil {
			return 0, fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
	}
	return len(p), nil
}

// lines gives the lines of a text; a newline within quotes does not end one.
func lines(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\'':
				quoted = !quoted
			case s[i] == '\n' && !quoted:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}

// Fields splits a line into words as rc(1) quotes them: blanks part words, a
// quoted stretch holds anything, a doubled quote inside it is one quote.
func Fields(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\'' && i+1 < len(line) && line[i+1] == '\'':
			word.WriteByte(c)
			i++
		case c == '\'':
			in, quoted = true, !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\r'):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf("unclosed quote in %q: %w", line, p9.ErrorOfText("Invalid argument"))
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// Quote writes a word so that Fields reads it back as one.
func Quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\r\n'#$;&|^<>{}()`=*?[]\"\\") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
