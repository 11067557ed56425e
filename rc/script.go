package rc

import (
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// commands runs a parser's commands, line by line. A syntax error ends them and sets
// $status.
func (sh *shell) commands(p *syntax.Parser) error {
	held := len(sh.held)
	defer func() { sh.letGo(held) }()
	for {
		b, err := p.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			sh.say(err.Error())
			sh.setStatus("syntax error")
			return nil
		}
		if err := sh.top(b); err != nil {
			return err
		}
	}
}

// top runs a line of commands.
func (sh *shell) top(b *syntax.Block) error {
	if sh.flags&(1<<('r'-'a')) != 0 && len(b.Cmds) > 0 && !sh.quiet {
		sh.say(syntax.Print(b))
	}
	sh.eline = sh.flag('e')
	sh.eflag = sh.eline
	if len(b.Cmds) == 0 {
		return nil
	}
	err := sh.block(b.Cmds)
	if err == nil && sh.flag('s') && !sh.quiet && !sh.ok() {
		sh.say("status=" + syntax.Quote(sh.statusText()))
	}
	return err
}

// source runs the commands of a script, which has args for its $*. It sees no local
// variables of who calls it. An interactive one goes on after errors.
func (sh *shell) source(name string, src syntax.Source, args []string, interactive bool) error {
	if sh.depth++; sh.depth > maxDepth {
		sh.depth--
		return sh.fail("scripts nested too deep")
	}
	star, file, line, eflag, eline, quiet := sh.star, sh.file, sh.line, sh.eflag, sh.eline, sh.quiet
	sh.star, sh.file, sh.quiet = args, name, name == rcmainName
	err := sh.withoutLocals(func() error {
		mark := len(sh.locals)
		if !sh.quiet {
			sh.push("0", []string{name})
		}
		var err error
		if interactive {
			err = sh.interact(name, src)
		} else {
			err = sh.commands(syntax.NewParser(name, src))
		}
		sh.pop(mark)
		return err
	})
	sh.star, sh.file, sh.line, sh.eflag, sh.eline, sh.quiet = star, file, line, eflag, eline, quiet
	sh.depth--
	return err
}

// A fileSource is a script's file, of which each read gives what is there.
type fileSource struct {
	sh   *shell
	f    *file
	rest string // was read and is not given yet
}

func (s *fileSource) Read(more bool) (string, error) {
	if s.rest == "" {
		if err := s.fill(); err != nil {
			return "", err
		}
	}
	text := s.rest
	if s.sh.flag('v') {
		// It shows a line before what that writes.
		text = text[:strings.IndexByte(text, '\n')+1]
		if text == "" {
			text = s.rest
		}
	}
	s.rest = s.rest[len(text):]
	return s.sh.echoed(text), nil
}

// fill reads what is next.
func (s *fileSource) fill() error {
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Read(s.f.fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(s.f.fd), Events: unix.POLLIN}}, -1)
			continue
		case err != nil:
			return err
		case n <= 0:
			return io.EOF
		}
		s.rest = string(buf[:n])
		return nil
	}
}

// echoed is a text that -v shows.
func (sh *shell) echoed(text string) string {
	if sh.flag('v') && !sh.quiet {
		sh.write(2, []byte(text))
	}
	return text
}

// dot runs a file, which is looked for in $path.
func dot(sh *shell, args []string) error {
	interactive, all := false, false
	words := args[1:]
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		for _, c := range words[0][1:] {
			switch c {
			case 'i':
				interactive = true
			case 'b':
				all = true
			case 'q':
			default:
				return sh.fail("Usage: . [-biq] file [arg ...]")
			}
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return sh.fail("Usage: . [-biq] file [arg ...]")
	}
	name := words[0]
	fd, err := sh.openScript(name)
	if err != nil {
		return sh.fail(name + ": .: can't open: " + because(err))
	}
	f := newFile(fd)
	defer f.release()
	var src syntax.Source = &fileSource{sh: sh, f: f}
	switch {
	case interactive:
		src = &typed{sh: sh, f: f}
	case all || sh.flag('b'):
		text, err := readAll(nil, fd)
		if err != nil {
			return sh.failed(name, err)
		}
		if _, err := syntax.Parse(name, string(text)); err != nil {
			sh.say(err.Error())
			sh.setStatus("syntax error")
			return nil
		}
		src = syntax.Text(string(text))
	}
	return sh.source(name, src, words[1:], interactive)
}

// openScript opens a script: where $path has it, else by its name.
func (sh *shell) openScript(name string) (int, error) {
	if !rooted(name) && !strings.HasPrefix(name, "/") {
		for _, dir := range sh.vars.m["path"].list {
			file := dir + "/" + name
			if dir == "" || dir == "." {
				file = "./" + name
			}
			if mode, err := sh.stat(file); err != nil || mode.IsDir() {
				continue
			}
			if fd, err := sh.open(file, unix.O_RDONLY, 0); err == nil {
				return fd, nil
			}
		}
	}
	fd, err := sh.open(name, unix.O_RDONLY, 0)
	if err == nil {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			unix.Close(fd)
			return -1, unix.EISDIR
		}
	}
	return fd, err
}
