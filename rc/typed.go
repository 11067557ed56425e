package rc

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// interact runs what a person types. Errors of the commands are no end.
func (sh *shell) interact(name string, src syntax.Source) error {
	p := syntax.NewParser(name, src)
	sh.file = ""
	sh.interactive++
	sh.r.typed.Store(true)
	defer func() {
		if sh.interactive--; sh.r.hooks.Terminal != nil {
			sh.r.hooks.Terminal.Rest()
		}
	}()
	for {
		sh.refresh(false)
		first := p.Line()
		b, err := p.Next()
		var bad *syntax.Error
		switch {
		case err == io.EOF && sh.r.tasks.warn(sh):
			p = syntax.NewParser(name, src)
			continue
		case err == io.EOF:
			return nil
		case errors.As(err, &bad):
			// Which line of all that were ever typed it is says nothing.
			at := *bad
			at.Name, at.Pos.Line = sh.r.name, at.Pos.Line-int32(first)+1
			sh.say(at.Error())
			sh.setStatus("syntax error")
			continue
		case errors.Is(err, ErrInterrupt):
			sh.setStatus("interrupt")
			p = syntax.NewParser(name, src)
			continue
		case err != nil:
			return sh.failed("input", err)
		}
		sh.forget()
		if t := sh.r.hooks.Terminal; t != nil {
			t.Take()
		}
		held, fds, warned := len(sh.held), sh.fds, sh.r.tasks.warned
		err = sh.top(b)
		if err == nil && sh.seen != sh.r.events.Load() {
			err = sh.notes() // of what came in its last command
		}
		sh.letGo(held)
		sh.fds, sh.r.tasks.halted = fds, false
		if warned {
			sh.r.tasks.warned = false
		}
		if err == errExit {
			return err
		}
	}
}

// ErrInterrupt is a LineReader's error for a line that the person gave up.
var ErrInterrupt = errors.New("interrupt")

// A typed is what a person types.
type typed struct {
	sh   *shell
	f    *file
	line []byte
}

func (s *typed) Read(more bool) (string, error) {
	if !more {
		s.sh.ready()
	}
	prompt := s.sh.get("prompt")
	if more && len(prompt) > 0 {
		prompt = prompt[1:]
	}
	text := ""
	if len(prompt) > 0 {
		text = prompt[0]
	}
	if lines := s.sh.r.lines; lines != nil && s.terminal() {
		line, err := lines.ReadLine(text, more)
		return s.sh.echoed(line), err
	}
	s.sh.forget() // but not what comes once the prompt is seen
	s.sh.write(2, []byte(text))
	// Byte by byte what is no terminal, so that commands read what comes next.
	var b [1]byte
	s.line = s.line[:0]
	for {
		if len(s.line) == 0 && s.sh.r.interrupted(s.f.fd, s.sh.interrupts) {
			s.sh.write(2, []byte("\n"))
			return "", ErrInterrupt
		}
		n, err := unix.Read(s.f.fd, b[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", err
		case n <= 0 && len(s.line) == 0:
			return "", io.EOF
		case n <= 0:
			return s.sh.echoed(string(s.line)), nil
		}
		if b[0] == 'Z'-'@' && s.sh.r.hooks.Terminal != nil {
			continue // typed while there was nothing to stop
		}
		if s.line = append(s.line, b[0]); b[0] == '\n' {
			return s.sh.echoed(string(s.line)), nil
		}
	}
}

// terminal tells whether it is typed at a terminal.
func (s *typed) terminal() bool {
	_, err := unix.IoctlGetTermios(s.f.fd, unix.TCGETS)
	return err == nil
}

// ready does what comes before a prompt: the terminal is as it was, people are told of
// their jobs, and the function prompt is run.
func (sh *shell) ready() {
	if t := sh.r.hooks.Terminal; t != nil {
		t.Rest()
	}
	sh.report()
	f := sh.fns.m["prompt"]
	if f == nil {
		return
	}
	status, held, fds := sh.status, len(sh.held), sh.fds
	sh.call(f, nil)
	sh.letGo(held)
	sh.status, sh.fds = status, fds
	sh.r.tasks.halted = false
	if t := sh.r.hooks.Terminal; t != nil {
		t.Rest()
	}
}
