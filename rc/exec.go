package rc

// execute is exec: the shell becomes the program.
func execute(sh *shell, args []string) error {
	if len(args) == 1 {
		return sh.fail("empty argument list")
	}
	args = args[1:]
	file, err := sh.find(args[0])
	if err != nil {
		sh.sayAt(args[0] + ": " + because(err))
		sh.status = statusOne
		return nil
	}
	c, err := sh.program(file, args)
	if replace := sh.r.hooks.Replace; err == nil && replace != nil && sh.main && sh.r.lives.Load() == 0 && replaceable(c) {
		if t := sh.r.hooks.Terminal; t != nil {
			t.Rest()
		}
		sh.place.do(func() { err = replace(c) })
		sh.sayAt(args[0] + ": " + because(err))
		sh.status = statusOne
		sh.parted = true
		return errExit
	}
	// There are others on this process.
	p, err := sh.startFile(file, args)
	if err != nil {
		sh.sayAt(args[0] + ": " + because(err))
		sh.status = statusOne
	} else {
		sh.setStatus(sh.wait(p))
	}
	sh.parted = true
	return errExit
}

// replaceable tells whether a program's descriptors can be put in place while the
// runtime that has others still runs.
func replaceable(c *Command) bool {
	for i, fd := range c.Files {
		if i > 2 && fd >= 0 && fd != i {
			return false
		}
	}
	return true
}
