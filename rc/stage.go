package rc

import (
	"sync"

	"ninespace/rc/syntax"
)

// A stage is a command that runs beside the shell: one of a pipeline that others read
// from, or what & started.
type stage struct {
	proc   Process
	group  *group
	once   sync.Once
	done   chan struct{} // made by watch, if it is a program
	status string
}

// start runs a command with the shell's descriptors, without waiting for it.
func (s *stage) start(sh *shell, c syntax.Cmd) {
	s.group = sh.group
	if args := sh.program1(c); args != nil {
		status := sh.status
		if s.proc = sh.start(args); s.proc == nil {
			s.status = "1"
		}
		sh.status = status
		return
	}
	sub := sh.fork()
	sub.detach()
	s.done = make(chan struct{})
	go func() {
		s.status = sub.finish(c)
		sub.end()
		close(s.done)
	}()
}

// program starts the program that a simple command is, without waiting for it.
func (s *stage) program(sh *shell, c *syntax.Simple) error {
	s.group = sh.group
	return sh.with(c.Redirs, func() error {
		sh.locate(c.At)
		args, err := sh.words(c.Words, true)
		if err != nil {
			return err
		}
		if sh.flag('x') {
			sh.trace(args)
		}
		if s.proc = sh.start(args); s.proc == nil {
			s.status = sh.statusText()
		}
		return nil
	})
}

// watch gives a channel that is closed when the status is there.
func (s *stage) watch() <-chan struct{} {
	s.once.Do(func() {
		if s.done != nil {
			return
		}
		s.done = make(chan struct{})
		if s.proc == nil {
			close(s.done)
			return
		}
		go func() {
			s.status = s.group.wait(s.proc)
			close(s.done)
		}()
	})
	return s.done
}

// ended tells whether the status is there.
func (s *stage) ended() bool {
	select {
	case <-s.watch():
		return true
	default:
		return false
	}
}

func (s *stage) wait(sh *shell) string {
	if s.proc != nil {
		return sh.wait(s.proc)
	}
	if s.done != nil {
		<-s.done
	}
	return s.status
}

// leave sees to it that nobody has to wait.
func (s *stage) leave() {
	if s.proc != nil {
		go s.group.wait(s.proc) // so that it is no zombie
	}
}
