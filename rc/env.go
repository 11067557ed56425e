package rc

import (
	"slices"
	"strings"
)

// Lists in the environment have separator between their words.
const separator = "\x01"

const fnPrefix = "fn#"

// Limits of Linux's execve: of one string, and of what programs may be given
// without their arguments finding no room any more.
const (
	maxEnvString = 128<<10 - 1
	maxEnv       = 1 << 20
)

// importEnv makes variables of an environment. What cannot be one, as bash's
// functions, is left out. It gives the value of markName.
func (sh *shell) importEnv(env []string) (mark string) {
	sh.vars = sh.vars.own()
	for _, e := range env {
		name, text, ok := strings.Cut(e, "=")
		if !ok || name == "" || strings.Contains(name, "(") {
			continue
		}
		switch {
		case strings.HasPrefix(name, fnPrefix):
			if !sh.flag('p') {
				sh.importFn(name[len(fnPrefix):], e)
			}
		case name == "path", name == "status", name == "*", name == "cflag": // not another's
		case name == markName:
			mark = text
		case name == "PATH":
			if text != "" {
				sh.vars.m["path"] = value{list: fromPath(text)}
			}
		case strings.Contains(text, separator):
			sh.vars.m[name] = value{strings.Split(text, separator), e}
		default:
			sh.vars.m[name] = value{[]string{text}, e}
		}
	}
	sh.env = nil
	return mark
}

// has tells whether there is a variable, or by fn#f a function.
func (sh *shell) has(name string) bool {
	if f, ok := strings.CutPrefix(name, fnPrefix); ok {
		return sh.fns.m[f] != nil
	}
	return sh.vars.m[name].list != nil
}

// environ gives the environment for programs, in the order of the names. It is
// made anew only if a variable or function has changed. Values too long for
// Linux stay out of it, the longest first: where there are files of variables they are
// only there.
func (sh *shell) environ() []string {
	if sh.env != nil {
		return sh.env
	}
	env := make([]string, 0, len(sh.vars.m)+len(sh.fns.m)+1)
	total, more := 0, false // more: something stays out
	add := func(s string) {
		if len(s) > maxEnvString || strings.IndexByte(s, 0) >= 0 {
			more = true
			return
		}
		env = append(env, s)
		total += len(s) + 9
	}
	for name, v := range sh.vars.m {
		if v.env == "" {
			if strings.IndexByte(name, '=') >= 0 {
				continue
			}
			size := 0
			for _, w := range v.list {
				if size += len(w) + 1; size > maxEnvString {
					break
				}
			}
			if size > maxEnvString {
				more = true
				continue
			}
			if name == "path" {
				name, v.list = "PATH", sh.get("PATH")
			}
			add(name + "=" + strings.Join(v.list, separator))
			continue
		}
		add(v.env)
	}
	for _, f := range sh.fns.m {
		if s := f.export(); s != "" {
			add(s)
		}
	}
	if total > maxEnv {
		slices.SortFunc(env, func(a, b string) int { return len(a) - len(b) })
		for total > maxEnv {
			total -= len(env[len(env)-1]) + 9
			env = env[:len(env)-1]
			more = true
		}
	}
	if sh.eg != nil {
		env = append(env, sh.eg.mark(more))
	}
	slices.Sort(env)
	sh.env = env
	return env
}
