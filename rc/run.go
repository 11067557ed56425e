package rc

import (
	"strings"

	"ninespace/rc/syntax"
)

// run runs a command. An error is errExit or errAbort.
func (sh *shell) run(c syntax.Cmd) error {
	if sh.seen != sh.r.events.Load() {
		if err := sh.notes(); err != nil {
			return err
		}
	}
	switch c := c.(type) {
	case *syntax.Simple:
		held := len(sh.held)
		err := sh.simple(c)
		if len(sh.held) > held {
			sh.letGo(held)
		}
		return sh.checked(err)
	case *syntax.Assign:
		return sh.assign(c)
	case *syntax.Block:
		return sh.with(c.Redirs, func() error { return sh.block(c.Cmds) })
	case *syntax.If:
		if err := sh.condition(c.Cond); err != nil {
			return err
		}
		sh.ifnot = true
		if !sh.ok() {
			return nil
		}
		err := sh.run(c.Body)
		sh.ifnot = false
		return err
	case *syntax.IfNot:
		if !sh.ifnot {
			return nil
		}
		return sh.run(c.Body)
	case *syntax.For:
		held := len(sh.held)
		err := sh.loop(c)
		sh.letGo(held)
		return err
	case *syntax.While:
		for {
			if err := sh.condition(c.Cond); err != nil {
				return err
			}
			if len(c.Cond.Cmds) > 0 && !sh.ok() {
				return nil
			}
			if err := sh.run(c.Body); err != nil {
				return err
			}
		}
	case *syntax.Switch:
		return sh.choose(c)
	case *syntax.Match:
		held := len(sh.held)
		ok, err := sh.matches(c)
		sh.letGo(held)
		if err != nil {
			return err
		}
		sh.status = noMatch
		if ok {
			sh.status = statusOK
		}
		return sh.checked(nil)
	case *syntax.Not:
		if err := sh.run(c.Cmd); err != nil {
			return err
		}
		if sh.ok() {
			sh.status = statusNot
		} else {
			sh.status = statusOK
		}
		return nil
	case *syntax.AndOr:
		return sh.andOr(c)
	case *syntax.Pipeline:
		return sh.pipeline(c)
	case *syntax.Subshell:
		return sh.checked(sh.subshell(c.Cmd))
	case *syntax.Fn:
		names, err := sh.words(c.Names, true)
		if err != nil {
			return err
		}
		for _, name := range names {
			sh.define(name, c.Body)
		}
		return nil
	case *syntax.Redirected:
		return sh.with(c.Redirs, func() error { return sh.run(c.Cmd) })
	case *syntax.Async:
		return sh.async(c)
	}
	return nil // Empty
}

// checked is err, or with -e in force the exit that a false status brings.
func (sh *shell) checked(err error) error {
	if err == nil && sh.eflag && !sh.ok() {
		return sh.exit()
	}
	return err
}

func (sh *shell) block(cmds []syntax.Cmd) error {
	for _, c := range cmds {
		if err := sh.run(c); err != nil {
			return err
		}
	}
	return nil
}

// condition runs commands whose failing is no reason to exit.
func (sh *shell) condition(b *syntax.Block) error {
	eflag := sh.eflag
	sh.eflag = false
	err := sh.run(b)
	sh.eflag = eflag
	return err
}

func (sh *shell) andOr(c *syntax.AndOr) error {
	eflag := sh.eflag
	last := len(c.Cmds) - 1
	for i, cmd := range c.Cmds {
		if i > 0 && sh.ok() == c.Or[i-1] {
			continue
		}
		// What an && or || looks at may fail.
		sh.eflag = eflag && i == last
		if err := sh.run(cmd); err != nil {
			sh.eflag = eflag
			return err
		}
	}
	sh.eflag = eflag
	return nil
}

// assign makes variables, local ones if a command follows.
func (sh *shell) assign(c *syntax.Assign) error {
	mark, held := len(sh.locals), len(sh.held)
	for i := range c.Vars {
		v := &c.Vars[i]
		name, err := sh.name(v.Name)
		if err == nil {
			err = sh.assign1(name, v.Value, c.Cmd != nil)
		}
		if err != nil {
			sh.pop(mark)
			return err
		}
	}
	if c.Cmd == nil {
		return nil
	}
	err := sh.run(c.Cmd)
	sh.pop(mark)
	sh.letGo(held)
	return err
}

func (sh *shell) assign1(name string, w syntax.Word, local bool) error {
	if l, ok := w.(*syntax.List); ok && !local && len(l.Words) > 1 {
		// x=($x ...)
		if v, ok := l.Words[0].(*syntax.Var); ok {
			if lit, ok := v.Name.(*syntax.Lit); ok && lit.Text == name {
				more, err := sh.words(l.Words[1:], true)
				if err == nil {
					sh.extend(name, more)
				}
				return err
			}
		}
	}
	list, err := sh.globbed(w)
	if err != nil {
		return err
	}
	if local {
		sh.push(name, list)
	} else {
		sh.set(name, list)
	}
	return nil
}

func (sh *shell) loop(c *syntax.For) error {
	list := sh.star
	if c.In {
		var err error
		if list, err = sh.words(c.List, true); err != nil {
			return err
		}
	}
	name, err := sh.name(c.Var)
	if err != nil || len(list) == 0 {
		return err
	}
	mark := len(sh.locals)
	sh.push(name, list[:1:1])
	for i := range list {
		if i > 0 {
			sh.set(name, list[i:i+1:i+1])
		}
		if err = sh.run(c.Body); err != nil {
			break
		}
	}
	sh.pop(mark)
	return err
}

func (sh *shell) matches(c *syntax.Match) (bool, error) {
	subject, err := sh.joined(c.Subject)
	if err != nil {
		return false, err
	}
	return sh.matchAny(subject, c.Patterns)
}

func (sh *shell) choose(c *syntax.Switch) error {
	held := len(sh.held)
	defer func() { sh.letGo(held) }()
	subject, err := sh.joined(c.Subject)
	if err != nil {
		return err
	}
	for _, kase := range c.Cases {
		ok, err := sh.matchAny(subject, kase.Patterns)
		if err != nil {
			return err
		}
		if ok {
			return sh.block(kase.Cmds)
		}
	}
	return nil
}

// subshell runs a command in a copy of the shell.
func (sh *shell) subshell(c syntax.Cmd) error {
	sub := sh.fork()
	sh.setStatus(sub.finish(c))
	sub.done()
	if sh.r.tasks.halted {
		sh.setStatus("stopped")
		return errAbort
	}
	return nil
}

// finish runs a command as all that a subshell does, and gives what its
// process's status would be.
func (sh *shell) finish(c syntax.Cmd) string {
	if sh.run(c) == errAbort {
		return "1"
	}
	if s := sh.statusText(); strings.HasPrefix(s, "signal: ") {
		return s
	}
	return asProcess(sh.statusText())
}
