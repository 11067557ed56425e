package rc

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// A group is a process group that the programs of a shell are in. The first of
// them is its leader.
type group struct {
	pid      atomic.Int32
	starting sync.Mutex

	// With job control:
	terminal Terminal
	front    atomic.Bool   // it is to have the terminal
	event    chan struct{} // of size 1: a program of it stopped, went on or ended
	mu       sync.Mutex
	live     map[int]syscall.Signal // its programs, and by what each is stopped
}

func (sh *shell) newGroup() *group {
	g := &group{}
	if sh.control() {
		g.terminal = sh.r.hooks.Terminal
		g.event, g.live = make(chan struct{}, 1), map[int]syscall.Signal{}
	}
	return g
}

// get gives what a Command says.
func (g *group) get() int {
	if g == nil {
		return 0
	}
	if pid := int(g.pid.Load()); pid != 0 {
		return pid
	}
	return -1
}

// add makes a program that was started one of the group.
func (g *group) add(pid int) {
	first := g.pid.CompareAndSwap(0, int32(pid))
	if g.terminal == nil {
		return
	}
	if pgid, err := unix.Getpgid(pid); !first && err == nil && pgid == pid {
		// The group had gone with the last of its programs: this is another one.
		g.pid.Store(int32(pid))
		first = true
	}
	g.mu.Lock()
	g.live[pid] = 0
	g.mu.Unlock()
	if first && g.front.Load() {
		g.terminal.Give(pid, nil)
	}
}

// wait waits for a program, and notes its stops.
func (g *group) wait(p Process) string {
	pid, ok := p.(process)
	if g == nil || g.terminal == nil || !ok {
		return p.Wait()
	}
	for {
		status, stop, ended := pid.change(unix.WUNTRACED | unix.WCONTINUED)
		g.mu.Lock()
		if g.live[int(pid)] = stop; ended {
			delete(g.live, int(pid))
		}
		g.mu.Unlock()
		select {
		case g.event <- struct{}{}:
		default:
		}
		if ended {
			return status
		}
	}
}

// stops tells how many programs run, how many are stopped, and a signal that one is
// stopped by.
func (g *group) stops() (running, stopped int, by syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, sig := range g.live {
		if sig == 0 {
			running++
			continue
		}
		stopped++
		if by == 0 || sig != unix.SIGTSTP {
			by = sig
		}
	}
	return running, stopped, by
}

// resume makes the programs go on.
func (g *group) resume() {
	g.mu.Lock()
	for pid := range g.live {
		g.live[pid] = 0
	}
	g.mu.Unlock()
	if pid := int(g.pid.Load()); pid > 0 {
		unix.Kill(-pid, unix.SIGCONT)
	}
}

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
	t := &task{text: text, group: sh.newGroup()}
	t.group.front.Store(true)
	return t
}

// drop takes the terminal from what the shell does not wait for.
func (t *task) drop() {
	t.group.front.Store(false)
	t.group.terminal.Take()
}

// ended tells whether all of it has.
func (t *task) ended() bool {
	for _, s := range t.stages {
		select {
		case <-s.watch():
		default:
			return false
		}
	}
	return true
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
	stopped := t.attend()
	t.group.front.Store(false)
	t.modes = t.group.terminal.Take()
	if stopped {
		t.shown, t.told = true, true
		sh.r.tasks.add(t)
		sh.r.tasks.halted = true
		sh.tell("\n" + t.line("stopped"))
		sh.setStatus("stopped")
		return errAbort
	}
	sh.r.tasks.remove(t)
	interrupted := false
	for _, s := range t.stages {
		switch s.status {
		case "signal: interrupt":
			interrupted = true
		case "signal: sys: write on closed pipe":
		default:
			if s.proc != nil {
				sh.saidSignal(s.proc, s.status)
			}
		}
	}
	sh.setStatus(t.status())
	if interrupted {
		// It was typed for all that runs, and the shell was not there to get it.
		sh.tell("")
		sh.r.Note("sigint")
		return sh.notes()
	}
	if sh.eflag && !isTrue(t.stages[len(t.stages)-1].status) {
		return sh.exit()
	}
	return nil
}

// attend waits for a job in the foreground, and tells whether it was stopped.
func (t *task) attend() (stopped bool) {
	const patience = 300 * time.Millisecond
	g := t.group
	var late <-chan time.Time
	for again := 0; ; {
		var next *stage
		for _, s := range t.stages {
			select {
			case <-s.watch():
				continue
			default:
			}
			next = s
			break
		}
		if next == nil {
			return false
		}
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
			g.terminal.Give(int(g.pid.Load()), nil)
			g.resume()
		case running == 0, over:
			return true
		case late == nil:
			// One that takes no notice of it does not hold up the others.
			late = time.After(patience)
		}
	}
}
