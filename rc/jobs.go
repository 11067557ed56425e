package rc

import (
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// jobs are what a shell started with & and has not waited for.
type jobs struct {
	m     map[int]*stage
	order []int
}

func (sh *shell) job(pid int, s *stage) {
	if sh.jobs == nil {
		sh.jobs = &jobs{m: map[int]*stage{}}
	}
	sh.jobs.m[pid] = s
	sh.jobs.order = append(sh.jobs.order, pid)
	sh.set("apid", []string{itoa(pid)})
}

// async runs a command and waits for it only when it is asked to. It reads nothing,
// and is in a process group of its own.
func (sh *shell) async(c *syntax.Async) error {
	sh.locate(c.At)
	null, err := openNull(unix.O_RDONLY)
	if err != nil {
		return sh.failed("/dev/null", err)
	}
	in := newFile(null)
	before, g := sh.fds, sh.group
	sh.fds, sh.group = sh.fds.with(0, in), sh.newGroup()
	defer func() {
		sh.fds, sh.group = before, g
		in.release()
	}()
	if args := sh.program1(c.Cmd); args != nil {
		status := sh.status
		if p := sh.start(args); p != nil {
			if c, ok := p.(child); ok {
				c.leave()
			}
			sh.background(c.Cmd, p)
			sh.status = status
		}
		return nil
	}
	if self := sh.r.hooks.Self; self != nil {
		return sh.apart(c.Cmd)
	}
	sub := sh.fork()
	sub.detach()
	s := &stage{done: make(chan struct{})}
	sh.job(int(sh.r.fake.Add(1)), s)
	go func() {
		s.status = sub.finish(c.Cmd)
		sub.end()
		close(s.done)
	}()
	return nil
}

// apart runs a command as a process of the interpreter's own program. Its state
// is handed over as a script in memory.
func (sh *shell) apart(c syntax.Cmd) error {
	fd, err := unix.MemfdCreate("rc", unix.MFD_CLOEXEC)
	if err != nil {
		return sh.failed("&", err)
	}
	state := newFile(fd)
	defer state.release()
	if err = state.write([]byte(sh.state(sh.last(c)))); err == nil {
		_, err = unix.Seek(fd, 0, 0)
	}
	if err != nil {
		return sh.failed("&", err)
	}
	n := len(sh.fds)
	sh.fds = sh.fds.with(int32(n), state)
	cmd, err := sh.program("", []string{"-Z", itoa(n)})
	if err != nil {
		return sh.failed("&", err)
	}
	var p Process
	if len(sh.limits) > 0 {
		cmd.Args = append(sh.limitArgs(), cmd.Args...)
	}
	sh.place.do(func() { p, err = sh.r.hooks.Self(cmd) })
	if err != nil {
		return sh.failed("&", err)
	}
	if g := sh.group; g != nil {
		g.add(p.Pid())
	}
	sh.background(c, p)
	return nil
}

// last makes of a command that is one program and what stands before and behind it one
// that the shell becomes: the number in $apid is the program's.
func (sh *shell) last(c syntax.Cmd) syntax.Cmd {
	switch c := c.(type) {
	case *syntax.Simple:
		name, ok := c.Words[0].(*syntax.Lit)
		if !ok || name.Pattern != "" || sh.fns.m[name.Text] != nil || sh.builtin(name.Text) != nil || sh.theirs(name.Text) != nil {
			return c
		}
		becomes := *c
		becomes.Words = append([]syntax.Word{&syntax.Lit{Text: "exec"}}, c.Words...)
		return &becomes
	case *syntax.Assign:
		if c.Cmd != nil {
			with := *c
			with.Cmd = sh.last(c.Cmd)
			return &with
		}
	case *syntax.Redirected:
		with := *c
		with.Cmd = sh.last(c.Cmd)
		return &with
	}
	return c
}

// background keeps a program that & started.
func (sh *shell) background(c syntax.Cmd, p Process) {
	s := &stage{proc: p, group: sh.group}
	sh.job(p.Pid(), s)
	if sh.control() {
		s.watch() // so that its stops are seen
		sh.r.tasks.add(&task{text: func() string { return syntax.Print(c) }, group: sh.group, stages: []*stage{s}})
	}
}

// state gives the commands that make another interpreter what this one is, and then
// run one.
func (sh *shell) state(c syntax.Cmd) string {
	var b strings.Builder
	for name, v := range sh.vars.m {
		b.WriteString(assignment(name, v.list))
	}
	for _, f := range sh.fns.m {
		if isNote(f.name) || f.name == "sigexit" {
			continue
		}
		b.WriteString(sh.definition(f))
	}
	b.WriteString(assignment("*", sh.star))
	b.WriteString(assignment("status", sh.status))
	for _, f := range "esvxb" {
		if sh.flag(byte(f)) && f != 'e' {
			b.WriteString("flag " + string(f) + " +\n")
		}
	}
	if sh.eflag {
		b.WriteString("status=() flag e +\n")
	}
	b.WriteString(assignment("status", sh.status))
	b.WriteString(syntax.Print(c) + "\n")
	return b.String()
}

// wait waits for one job or all.
func wait(sh *shell, args []string) error {
	switch len(args) {
	case 1:
		if sh.jobs == nil {
			return nil
		}
		for len(sh.jobs.order) > 0 {
			if _, err := sh.await(sh.jobs.order[0]); err != nil {
				return err
			}
		}
		return nil
	case 2:
		pid := argument(args[1])
		if sh.jobs == nil || sh.jobs.m[pid] == nil {
			return nil
		}
		status, err := sh.await(pid)
		if err == nil {
			sh.setStatus(status)
		}
		return err
	}
	return sh.fail("Usage: wait [pid]")
}

// await waits for a job, and acts on notes meanwhile.
func (sh *shell) await(pid int) (string, error) {
	j := sh.jobs.m[pid]
	wake := sh.r.wake
	if !sh.main {
		wake = nil
	}
	for {
		select {
		case <-j.watch():
			delete(sh.jobs.m, pid)
			if i := slices.Index(sh.jobs.order, pid); i == 0 {
				sh.jobs.order = sh.jobs.order[1:]
			} else {
				sh.jobs.order = slices.Delete(sh.jobs.order, i, i+1)
			}
			sh.r.reaped(j.status)
			if j.proc != nil && strings.HasPrefix(j.status, "signal: ") {
				sh.died(j.proc, j.status)
			}
			return j.status, nil
		case <-wake:
			if err := sh.notes(); err != nil {
				return "", err
			}
		}
	}
}

// A child is a program that ends with the context that its Runner runs with.
type child struct {
	Process
	r *Runner
}

func (c child) Wait() string {
	status := c.Process.Wait()
	c.leave()
	return status
}

// leave lets the program go on for itself.
func (c child) leave() {
	c.r.mu.Lock()
	delete(c.r.children, c.Process)
	c.r.mu.Unlock()
}

// keep makes a program a child, if there is anything to end it.
func (r *Runner) keep(p Process) Process {
	if !r.cancels {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.children == nil {
		r.children = map[Process]bool{}
	}
	r.children[p] = true
	if r.stopped.Load() {
		p.Signal(syscall.SIGTERM)
	}
	return child{p, r}
}

// stop ends all that runs.
func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped.Store(true)
	r.events.Add(1)
	for p := range r.children {
		p.Signal(syscall.SIGTERM)
	}
}
