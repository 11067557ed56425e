package rc

import (
	"strings"
	"sync"

	"ninespace/rc/syntax"
)

// A fn is a function. Interpreters share it.
type fn struct {
	name  string
	file  string // in which it stands
	eflag bool   // -e was set where it was defined: a failing command in it exits

	source string // of /env: a command that defines it; "": there is none

	parsing sync.Once
	body    *syntax.Block
	err     error // why the text from the environment is none

	printing sync.Once
	env      string // fn#name=body
}

// define makes a function, or with body nil none.
func (sh *shell) define(name string, body *syntax.Block) {
	_, was := sh.fns.m[name]
	sh.env = nil
	sh.fns = sh.fns.own()
	if sh.egOwn {
		defer func() { sh.changed(fnPrefix+name, change{fn: sh.fns.m[name]}) }()
	}
	if body == nil {
		delete(sh.fns.m, name)
	} else {
		sh.fns.m[name] = &fn{name: name, file: sh.file, eflag: sh.eline, body: body}
	}
	if was != (body != nil) && sh.main {
		sh.r.catch(name, body != nil)
	}
}

// importFn makes a function of one from the environment, which is parsed only when
// it is needed.
func (sh *shell) importFn(name, env string) {
	sh.fns = sh.fns.own()
	sh.fns.m[name] = &fn{name: name, file: fnPrefix + name, env: env}
}

// parse makes sure that the function's body is there.
func (f *fn) parse() error {
	f.parsing.Do(func() {
		if f.body != nil {
			return
		}
		text := f.source
		if text == "" {
			_, text, _ = strings.Cut(f.env, "=")
			text = "fn " + syntax.Quote(f.name) + " " + text + "\n"
		}
		var b *syntax.Block
		if b, f.err = syntax.Parse(f.file, text); f.err != nil {
			return
		}
		if len(b.Cmds) == 1 {
			if def, ok := b.Cmds[0].(*syntax.Fn); ok && def.Body != nil {
				f.body = def.Body
				return
			}
		}
		f.err = &syntax.Error{Name: f.file, Pos: syntax.Pos{Line: 1, Col: 1}, What: "not a function's body"}
	})
	return f.err
}

// export gives the function as programs have it.
func (f *fn) export() string {
	f.printing.Do(func() {
		if f.env == "" && f.parse() == nil {
			f.env = fnPrefix + f.name + "=" + syntax.Print(f.body)
		}
	})
	return f.env
}

// call runs a function. Its arguments are a $* of its own.
func (sh *shell) call(f *fn, args []string) error {
	if err := f.parse(); err != nil {
		sh.say(err.Error())
		sh.setStatus("syntax error")
		return nil
	}
	if sh.depth++; sh.depth > maxDepth {
		sh.depth--
		return sh.fail("functions call each other too deep")
	}
	star, file, line, eflag, eline, held := sh.star, sh.file, sh.line, sh.eflag, sh.eline, len(sh.held)
	sh.star, sh.file, sh.eflag, sh.eline = args, f.file, f.eflag, f.eflag
	err := sh.run(f.body)
	sh.star, sh.file, sh.line, sh.eflag, sh.eline = star, file, line, eflag, eline
	sh.letGo(held)
	sh.depth--
	return err
}
