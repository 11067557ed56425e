package rc

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// control tells whether the programs that the shell starts are jobs: a person's who
// can stop them.
func (sh *shell) control() bool {
	return sh.r.hooks.Terminal != nil && sh.interactive > 0 && !sh.loose && !sh.r.cancels
}

// isProgram tells whether a command is a program: neither a function nor a builtin. What it
// says in doubt is no.
func (sh *shell) isProgram(c syntax.Cmd) bool {
	simple, ok := c.(*syntax.Simple)
	if !ok || len(simple.Words) == 0 {
		return false
	}
	var name string
	switch w := simple.Words[0].(type) {
	case *syntax.Lit:
		if w.Pattern != "" {
			return false
		}
		name = w.Text
	case *syntax.Var:
		lit, ok := w.Name.(*syntax.Lit)
		if !ok {
			return false
		}
		list := sh.lookup(lit.Text)
		if len(list) == 0 {
			return false
		}
		name = list[0]
	default:
		return false
	}
	return sh.fns.m[name] == nil && sh.builtin(name) == nil && sh.theirs(name) == nil
}

// A task is a job: programs of a group that a person started with one command.
type task struct {
	n      int // by which people name it; 0 as long as it has always been in the foreground
	text   func() string
	group  *group
	stages []*stage
	modes  Modes // the terminal's, when it was stopped

	told  bool // that it stopped
	shown bool // it has been stopped: its end is told
}

// newTask makes one that is to be in the foreground.
func (sh *shell) newTask(text func() string) *task {
	t := &task{text: text, group: sh.beside}
	if sh.beside = nil; t.group == nil {
		t.group = sh.newGroup()
	}
	t.group.give(nil)
	return t
}

// drop takes the terminal from what the shell does not wait for.
func (t *task) drop() { t.group.take() }

// ended tells whether all of it has.
func (t *task) ended() bool {
	for _, s := range t.stages {
		if !s.ended() {
			return false
		}
	}
	return true
}

// interrupted tells whether ^C has ended it. If only others died of it than the last
// command, while that ran, it has not: yes | less.
func (t *task) interrupted() bool {
	last := t.stages[len(t.stages)-1]
	if !last.ended() {
		return false
	}
	t.group.ended()
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.group.killed || last.status == interrupted
}

// status is that of its commands, as a pipeline's.
func (t *task) status() string {
	last := len(t.stages) - 1
	status := ""
	for i, s := range t.stages[:last] {
		if status += s.status; i > 0 {
			status = asProcess(status)
		}
		status += "|"
	}
	return status + t.stages[last].status
}

// program2 runs a program as a job.
func (sh *shell) program2(args []string) error {
	t := sh.newTask(func() string { return quoted(args) })
	before := sh.group
	sh.group = t.group
	p := sh.start(args)
	sh.group = before
	if p == nil {
		t.drop()
		return nil
	}
	t.stages = []*stage{{proc: p, group: t.group}}
	err := sh.foreground(t)
	if err == nil && sh.ok() && base(args[0]) == "stty" && t.modes != nil {
		sh.r.hooks.Terminal.Keep(t.modes)
	}
	return err
}

// foreground waits for a job that has the terminal, until it ends or is stopped. Then
// it is to be reached by its number, and the rest of the commands is dropped.
func (sh *shell) foreground(t *task) error {
	if sh.r.interrupting() {
		// It was typed before the terminal was the job's.
		if pid := int(t.group.pid.Load()); pid > 0 {
			unix.Kill(-pid, unix.SIGINT)
		}
	}
	stopped := sh.attend(t)
	t.modes = t.group.take()
	sh.r.settle()
	if stopped {
		t.shown, t.told = true, true
		sh.r.tasks.add(t)
		sh.r.tasks.halted = true
		sh.tell("\n" + t.line("stopped"))
		sh.setStatus("stopped")
		return errAbort
	}
	sh.r.tasks.remove(t)
	for _, s := range t.stages {
		if s.proc != nil && s.status != interrupted && s.status != "signal: sys: write on closed pipe" {
			sh.saidSignal(s.proc, s.status)
		}
	}
	sh.setStatus(t.status())
	if sh.r.interrupting() {
		return sh.notes()
	}
	if sh.eflag && !isTrue(t.stages[len(t.stages)-1].status) {
		return sh.exit()
	}
	return nil
}

// attend waits for a job in the foreground, and tells whether it was stopped.
func (sh *shell) attend(t *task) (stopped bool) {
	const patience = 300 * time.Millisecond
	g := t.group
	for _, s := range t.stages {
		s.watch()
	}
	noted := false
	var late <-chan time.Time
	for again := 0; ; {
		var next *stage
		if i := slices.IndexFunc(t.stages, func(s *stage) bool { return !s.ended() }); i >= 0 {
			next = t.stages[i]
		}
		if !noted && t.interrupted() {
			// It was typed for all that runs, and the shell was not there to get it.
			noted = true
			sh.r.Note("sigint")
		}
		if next == nil {
			return false
		}
		g.idle()
		over := false
		select {
		case <-next.watch():
			continue
		case <-g.event:
		case <-late:
			over = true
		}
		running, n, by := g.stops()
		switch {
		case n == 0:
			late = nil
		case (by == unix.SIGTTIN || by == unix.SIGTTOU) && again < 100:
			// It was before it was given the terminal.
			again++
			g.give(t.modes)
			g.resume()
		case running == 0, over:
			return true
		case late == nil:
			// One that takes no notice of it does not hold up the others.
			late = time.After(patience)
		}
	}
}
