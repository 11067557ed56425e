package rc

import (
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// simple runs a simple command: a function, a builtin or a program.
func (sh *shell) simple(c *syntax.Simple) error {
	if len(c.Redirs) > 0 {
		return sh.with(c.Redirs, func() error { return sh.words1(c) })
	}
	return sh.words1(c)
}

func (sh *shell) words1(c *syntax.Simple) error {
	sh.locate(c.At)
	if len(c.Words) == 2 && !sh.flag('x') {
		// f $list: its list is the function's $* as it is.
		if l, ok := c.Words[0].(*syntax.Lit); ok && l.Pattern == "" {
			if f := sh.fns.m[l.Text]; f != nil {
				args, err := sh.globbed(c.Words[1])
				if err != nil {
					return err
				}
				return sh.call(f, args)
			}
		}
	}
	args, err := sh.words(c.Words, true)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return sh.fail("empty argument list")
	}
	if sh.flag('x') {
		sh.trace(args)
	}
	if f := sh.fns.m[args[0]]; f != nil {
		return sh.call(f, args[1:])
	}
	return sh.command(args)
}

// command runs a builtin or a program.
func (sh *shell) command(args []string) error {
	if b := sh.builtin(args[0]); b != nil {
		return b(sh, args)
	}
	if b := sh.theirs(args[0]); b != nil {
		return sh.foreign(b, args)
	}
	return sh.external(args)
}

// theirs gives a builtin of the embedding program.
func (sh *shell) theirs(name string) (b func(*Call) error) {
	if sh.r.hooks.Builtin != nil {
		sh.place.do(func() { b = sh.r.hooks.Builtin(name) })
	}
	return b
}

// foreign runs a builtin of the embedding program.
func (sh *shell) foreign(b func(*Call) error, args []string) error {
	c := &Call{Args: args, Dir: sh.workdir(), sh: sh}
	var err error
	sh.place.do(func() { err = b(c) })
	if err != nil {
		sh.sayAt(args[0] + ": " + err.Error())
		sh.setStatus(err.Error())
		return nil
	}
	sh.status = statusOK
	return nil
}

// external runs a program and waits for it.
func (sh *shell) external(args []string) error {
	if sh.control() {
		return sh.program2(args)
	}
	p := sh.start(args)
	if p == nil {
		return nil
	}
	sh.setStatus(sh.wait(p))
	return nil
}

// wait waits for a program in the foreground.
func (sh *shell) wait(p Process) string {
	status := sh.group.wait(p)
	sh.r.reaped(status)
	if strings.HasPrefix(status, "signal: ") {
		sh.died(p, status)
	}
	return status
}

// died says of a program that a signal ended which one, but for those that
// people send themselves and that of a pipe nobody reads.
func (sh *shell) died(p Process, status string) {
	if status == interrupted || status == "signal: sys: write on closed pipe" {
		return
	}
	sh.saidSignal(p, status)
}

func (sh *shell) saidSignal(p Process, status string) {
	if strings.HasPrefix(status, "signal: ") {
		sh.say(strconv.Itoa(p.Pid()) + ": " + status)
	}
}

// start starts a program. If there is none it says so, sets $status and gives nil.
func (sh *shell) start(args []string) Process {
	file, err := sh.find(args[0])
	var p Process
	if err == nil {
		p, err = sh.startFile(file, args)
	}
	if err == nil {
		return p
	}
	sh.sayAt(args[0] + ": " + because(err))
	sh.status = statusOne
	return nil
}

func (sh *shell) startFile(file string, args []string) (Process, error) {
	if g := sh.group; g != nil {
		// The first is the leader before the next one starts.
		g.starting.Lock()
		defer g.starting.Unlock()
		defer g.unstick()()
	}
	c, err := sh.program(file, args)
	if err != nil {
		return nil, err
	}
	var p Process
	sh.place.do(func() {
		if len(sh.limits) > 0 {
			p, err = sh.r.hooks.Self(sh.limited(c))
		} else {
			p, err = sh.r.hooks.Start(c)
		}
	})
	if err != nil {
		return nil, err
	}
	if g := sh.group; g != nil {
		g.add(p.Pid())
	}
	return sh.r.keep(p), nil
}

// program is a command as it is started.
func (sh *shell) program(file string, args []string) (*Command, error) {
	fds, err := sh.r.numbers(sh.fds)
	if err != nil {
		return nil, err
	}
	sh.publish()
	c := &Command{Path: file, Args: args, Env: sh.environ(), Files: fds, Umask: sh.umask, Group: sh.group.get()}
	if sh.dir != nil {
		c.Dir = sh.dir.name
	}
	return c, nil
}

// A lookupError says where a command was looked for.
type lookupError struct {
	err  error
	path []string
}

func (e *lookupError) Error() string {
	if len(e.path) == 0 {
		return because(e.err)
	}
	return because(e.err) + " in " + strings.Join(e.path, " ")
}

// find gives the file of a program: what $path has of the name or, of one with a
// slash, the name as it is. Names that begin with / ./ ../ or # are not looked for.
func (sh *shell) find(name string) (string, error) {
	if rooted(name) {
		return name, sh.executable(name)
	}
	path := sh.vars.m["path"].list
	why := error(unix.ENOENT)
	for _, dir := range path {
		file := dir + "/" + name
		if dir == "" || dir == "." {
			file = "./" + name
		}
		err := sh.executable(file)
		if err == nil {
			return file, nil
		}
		switch err {
		case unix.EACCES:
			why = err
		case unix.EINTR:
			return "", err
		}
	}
	if strings.IndexByte(name, '/') >= 0 && sh.executable(name) == nil {
		return name, nil
	}
	return "", &lookupError{why, path}
}

func rooted(name string) bool {
	return strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") ||
		strings.HasPrefix(name, "#") || name == "." || name == ".."
}

// executable tells what is against running a file.
func (sh *shell) executable(file string) error {
	mode, err := sh.stat(file)
	switch {
	case err != nil:
		return err
	case mode&fs.ModeType != 0 || mode&0o111 == 0:
		return unix.EACCES
	}
	return nil
}
