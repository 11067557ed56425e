package rc

import (
	"strings"
)

// rfork makes what the shell shares with others its own, by the letters of Plan
// 9's.
func rfork(sh *shell, args []string) error {
	letters := "ens"
	if len(args) == 2 {
		letters = args[1]
	}
	if len(args) > 2 || strings.Trim(letters, "nNeEsfFm") != "" {
		sh.sayAt("Usage: rfork [nNeEsfFm]")
		sh.setStatus("rfork usage")
		return nil
	}
	ours := "nNm"
	if sh.eg != nil {
		ours += "eE"
	}
	names := strings.Map(func(c rune) rune {
		if strings.ContainsRune(ours, c) {
			return c
		}
		return -1
	}, letters)
	var err error
	if names != "" {
		err = sh.rfork(names)
	}
	if err == nil && strings.Contains(letters, "s") {
		err = sh.ownGroup()
	}
	if err != nil {
		sh.sayAt("rfork failed: " + err.Error())
		sh.setStatus("rfork failed")
		return nil
	}
	if strings.ContainsAny(names, "NeE") {
		sh.joinEnv("", nil)
	}
	if strings.Contains(letters, "E") {
		path := sh.get("path")
		for name := range sh.vars.m {
			sh.set(name, nil)
		}
		for name := range sh.fns.m {
			sh.define(name, nil)
		}
		sh.set("path", path)
		if sh.egOwn {
			clear(sh.eg.dirty) // there is nothing yet
		}
	}
	if strings.Contains(letters, "F") && len(sh.fds) > 3 {
		sh.fds = sh.fds[:3]
	}
	sh.status = statusOK
	return nil
}

// ownGroup makes a process group for what the shell starts from now on.
func (sh *shell) ownGroup() error {
	if sh.main && sh.r.hooks.Group != nil {
		sh.group = nil
		err := sh.r.hooks.Group()
		if t := sh.r.hooks.Terminal; err == nil && t != nil {
			t.Take()
		}
		return err
	}
	sh.group = sh.newGroup()
	return nil
}
