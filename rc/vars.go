package rc

import (
	"strings"
)

// A value is a variable's.
type value struct {
	list []string
	env  string // name=list as programs have it; "" if it has not been made
}

// A hidden is a variable as it was before a local one of its name. Variables are
// dynamic: there is one table, and what locals hide is put back at their end.
type hidden struct {
	name  string
	value []string
}

// get gives the list of a variable, not to be written to. PATH is path with colons.
func (sh *shell) get(name string) []string {
	switch name {
	case "*":
		return sh.star
	case "status":
		return sh.status
	case "PATH":
		if path := sh.vars.m["path"].list; len(path) > 0 {
			return []string{strings.Join(path, ":")}
		}
		return nil
	}
	return sh.vars.m[name].list
}

// lookup is get for a name after $, where a number is an element of $*.
func (sh *shell) lookup(name string) []string {
	if n := argument(name); n > 0 {
		if n > len(sh.star) {
			return nil
		}
		return sh.star[n-1 : n : n]
	}
	return sh.get(name)
}

// argument gives the number that name is, 0 if it is none.
func argument(name string) int {
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i] - '0'
		if c > 9 {
			return 0
		}
		if n = n*10 + int(c); n > 1<<40 {
			return 1 << 40
		}
	}
	return n
}

// set gives a variable its list, which is not written to any more. There is no
// variable with an empty list.
func (sh *shell) set(name string, list []string) {
	switch name {
	case "*":
		sh.star = list
		return
	case "status":
		sh.status = list
		return
	case "PATH":
		name = "path"
		if len(list) > 0 {
			list = fromPath(strings.Join(list, ":"))
		}
	}
	if sh.egOwn {
		sh.changed(name, change{list: list})
	}
	sh.put(name, list)
}

// put is set of what is no change for others to know.
func (sh *shell) put(name string, list []string) {
	sh.env = nil
	sh.vars = sh.vars.own()
	if len(list) == 0 {
		delete(sh.vars.m, name)
		return
	}
	sh.vars.m[name] = value{list: list}
}

// fromPath takes $PATH apart. An empty element is the working directory.
func fromPath(s string) []string {
	path := strings.Split(s, ":")
	for i, dir := range path {
		if dir == "" {
			path[i] = "."
		}
	}
	return path
}

// push makes a variable local, until pop to what locals was.
func (sh *shell) push(name string, list []string) {
	if name == "PATH" {
		name, list = "path", fromPath(strings.Join(list, ":"))
	}
	sh.locals = append(sh.locals, hidden{name, sh.get(name)})
	if sh.local != nil {
		sh.local[name]++
	}
	sh.set(name, list)
}

func (sh *shell) pop(mark int) {
	for i := len(sh.locals) - 1; i >= mark; i-- {
		// $status is that of the command that the local was for.
		l := sh.locals[i]
		if l.name != "status" {
			sh.set(l.name, l.value)
		}
		if sh.local != nil {
			sh.local[l.name]--
		}
		sh.locals[i] = hidden{}
	}
	sh.locals = sh.locals[:mark]
}

// withoutLocals runs do where the variables are what they are without any local
// one, as a script that . reads has them. What it does to them stays.
func (sh *shell) withoutLocals(do func() error) error {
	if len(sh.locals) == 0 {
		return do()
	}
	lowest := map[string]int{}
	for i, l := range sh.locals {
		if _, ok := lowest[l.name]; !ok && l.name != "status" && l.name != "*" {
			lowest[l.name] = i
		}
	}
	saved, locals, local := map[string][]string{}, sh.locals, sh.local
	for name, i := range lowest {
		saved[name] = sh.get(name)
		sh.set(name, locals[i].value)
	}
	sh.locals = nil
	if local != nil {
		sh.local = map[string]int{}
	}
	err := do()
	sh.locals, sh.local = locals, local
	for name, i := range lowest {
		locals[i].value = sh.get(name)
		sh.set(name, saved[name])
	}
	return err
}

// extend appends to a variable's list, x=($x ...), so that to build a list
// word by word is linear. What the list was before stays as it is in the same memory:
// nobody else sees what comes behind it.
func (sh *shell) extend(name string, more []string) {
	was := sh.get(name)
	if len(was) < 8 || name == "*" || name == "status" || name == "PATH" {
		list := make([]string, 0, len(was)+len(more))
		sh.set(name, append(append(list, was...), more...))
		return
	}
	full := sh.grown[name]
	if len(full) != len(was) || &full[0] != &was[0] {
		full = was[:len(was):len(was)]
	}
	full = append(full, more...)
	if sh.grown == nil {
		sh.grown = map[string][]string{}
	}
	sh.grown[name] = full
	sh.set(name, full[:len(full):len(full)])
}
