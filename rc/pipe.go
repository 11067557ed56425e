package rc

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// pipeline runs commands that write to one another all at once, the last one in
// the shell itself.
func (sh *shell) pipeline(c *syntax.Pipeline) error {
	sh.locate(c.At)
	n := len(c.Cmds) - 1
	var t *task
	if sh.control() && sh.isProgram(c.Cmds[n]) {
		t = sh.newTask(func() string { return syntax.Print(c) })
	}
	stages := make([]*stage, n, n+1)
	var in *file
	before, loose, g := sh.fds, sh.loose, sh.group
	defer func() { sh.fds, sh.loose, sh.group = before, loose, g }()
	if sh.loose = true; t != nil {
		sh.group = t.group
	}
	started := 0
	var err error
	for ; started < n; started++ {
		var r, w int
		if r, w, err = pipe(); err != nil {
			err = sh.failed("pipe", err)
			break
		}
		fds := before
		if in != nil {
			fds = fds.with(c.Links[started-1].Right, in)
		}
		out := newFile(w)
		sh.fds = fds.with(c.Links[started].Left, out)
		stages[started] = &stage{}
		stages[started].start(sh, c.Cmds[started])
		out.release()
		if in != nil {
			in.release()
		}
		in = newFile(r)
	}
	if err == nil {
		sh.fds = before.with(c.Links[n-1].Right, in)
		held := len(sh.held)
		if t != nil {
			last := &stage{}
			stages = append(stages, last)
			err = last.program(sh, c.Cmds[n].(*syntax.Simple))
		} else {
			err = sh.run(c.Cmds[n])
		}
		sh.letGo(held)
	}
	if in != nil {
		in.release()
	}
	sh.loose, sh.group = loose, g
	if err != nil {
		// The shell ends: what still runs goes on by itself.
		for _, s := range stages[:started] {
			s.leave()
		}
		if t != nil {
			t.drop()
		}
		return err
	}
	if t != nil {
		t.stages = stages
		return sh.foreground(t)
	}
	status := ""
	for i, s := range stages {
		// a | b | c is {a | b} | c, whose left side has one status, a process's.
		if next := s.wait(sh); i == 0 {
			status = next
		} else {
			status = asProcess(status + "|" + next)
		}
	}
	sh.setStatus(status + "|" + sh.statusText())
	return nil
}

// program1 gives the words of a command that is one program and nothing more: it
// needs no copy of the shell, since to evaluate its words has no effect. It is nil
// for any other.
func (sh *shell) program1(c syntax.Cmd) []string {
	simple, ok := c.(*syntax.Simple)
	if !ok || len(simple.Redirs) > 0 {
		return nil
	}
	for _, w := range simple.Words {
		switch w := w.(type) {
		case *syntax.Lit:
			if w.Pattern != "" {
				return nil
			}
		case *syntax.Var:
			if _, ok := w.Name.(*syntax.Lit); !ok {
				return nil
			}
		default:
			return nil
		}
	}
	args, err := sh.words(simple.Words, false)
	if err != nil || len(args) == 0 || sh.fns.m[args[0]] != nil || sh.builtin(args[0]) != nil || sh.theirs(args[0]) != nil {
		return nil
	}
	sh.locate(simple.At)
	if sh.flag('x') {
		sh.trace(args)
	}
	return args
}

// backquote gives what commands write, taken apart at the characters of $ifs or
// of its own.
func (sh *shell) backquote(w *syntax.Backquote) ([]string, error) {
	var sep string
	if w.Sep != nil {
		l, err := sh.list(w.Sep)
		if err != nil {
			return nil, err
		}
		sep = strings.Join(l, " ")
	}
	text, err := sh.output(w.Body)
	if err != nil {
		return nil, sh.failed("`{}", err)
	}
	if w.Sep == nil {
		sep = strings.Join(sh.get("ifs"), " ")
	}
	return split(text, sep), nil
}

// output gives what commands write.
func (sh *shell) output(b *syntax.Block) ([]byte, error) {
	if len(b.Cmds) == 1 {
		if args := sh.program1(b.Cmds[0]); args != nil {
			return sh.programOutput(args)
		}
	}
	out, c := newCapture()
	sub := sh.fork()
	sub.fds = sh.fds.with(1, out)
	sub.eflag, sub.loose = false, true
	status := sub.finish(b)
	sub.done()
	out.release()
	sh.setStatus(status)
	return c.output()
}

func (sh *shell) programOutput(args []string) ([]byte, error) {
	r, w, err := pipe()
	if err != nil {
		return nil, err
	}
	defer unix.Close(r)
	out, before := newFile(w), sh.fds
	sh.fds = before.with(1, out)
	p := sh.start(args)
	sh.fds = before
	out.release()
	if p == nil {
		return nil, nil
	}
	text, err := readAll(nil, r)
	sh.setStatus(sh.wait(p))
	return text, err
}

// split gives the words of a text between characters of sep, which share its
// memory.
func split(text []byte, sep string) []string {
	if len(text) == 0 {
		return nil
	}
	s := unsafe.String(&text[0], len(text)) // nobody writes to it any more
	if sep == "" {
		return []string{s}
	}
	var is [256]bool
	for i := range len(sep) {
		if sep[i] >= 0x80 {
			return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(sep, r) })
		}
		is[sep[i]] = true
	}
	n, in := 0, false
	for i := range len(s) {
		if is[s[i]] {
			in = false
		} else if !in {
			n, in = n+1, true
		}
	}
	if n == 0 {
		return nil
	}
	words := make([]string, 0, n)
	from := -1
	for i := range len(s) {
		if is[s[i]] {
			if from >= 0 {
				words = append(words, s[from:i])
				from = -1
			}
		} else if from < 0 {
			from = i
		}
	}
	if from >= 0 {
		words = append(words, s[from:])
	}
	return words
}

// procSub runs commands on another goroutine and gives the name of a pipe to
// or from them.
func (sh *shell) procSub(w *syntax.ProcSub) ([]string, error) {
	sh.locate(w.Body.At)
	r, wr, err := pipe()
	if w.Op == syntax.RedirReadWrite {
		r, wr, err = both()
	}
	if err != nil {
		return nil, sh.failed("pipe", err)
	}
	ours, theirs, fd := newFile(r), newFile(wr), int32(1)
	if w.Op == syntax.RedirWrite {
		ours, theirs, fd = theirs, ours, 0
	}
	var c syntax.Cmd = w.Body
	if len(w.Body.Cmds) == 1 {
		c = w.Body.Cmds[0]
	}
	before := sh.fds
	sh.fds = before.with(fd, theirs)
	if w.Op == syntax.RedirReadWrite {
		sh.fds = sh.fds.with(0, theirs)
	}
	g := sh.group
	if sh.control() {
		// The program that the command is to be, if it is one, will have the group.
		if sh.beside == nil {
			sh.beside = sh.newGroup()
		}
		sh.group = sh.beside
	}
	var s stage
	s.start(sh, c)
	sh.fds, sh.group = before, g
	theirs.release()
	s.leave()
	// A number that no redirection of the same command is likely to name.
	n := int32(10)
	for sh.fds.at(n) != nil {
		n++
	}
	sh.held = append(sh.held, held{ours, sh.fds})
	sh.fds = sh.fds.with(n, ours)
	return []string{"/dev/fd/" + itoa(int(n))}, nil
}
