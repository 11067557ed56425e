package rc

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limits are what ulimit knows, by its letters, with the unit that they are counted in.
var limits = []struct {
	letter   byte
	resource int
	unit     uint64
}{
	{'c', unix.RLIMIT_CORE, 512},
	{'d', unix.RLIMIT_DATA, 1024},
	{'f', unix.RLIMIT_FSIZE, 512},
	{'l', unix.RLIMIT_MEMLOCK, 1024},
	{'m', unix.RLIMIT_RSS, 1024},
	{'n', unix.RLIMIT_NOFILE, 1},
	{'s', unix.RLIMIT_STACK, 1024},
	{'t', unix.RLIMIT_CPU, 1},
	{'u', unix.RLIMIT_NPROC, 1},
	{'v', unix.RLIMIT_AS, 1024},
}

// A limit is one that a subshell has, for the programs that it starts: what Linux keeps is
// the process's.
type limit struct {
	resource int
	unix.Rlimit
}

// rlimit gives the limit that programs of the shell have.
func (sh *shell) rlimit(resource int) (lim unix.Rlimit, err error) {
	for _, l := range sh.limits {
		if l.resource == resource {
			return l.Rlimit, nil
		}
	}
	err = unix.Getrlimit(resource, &lim)
	return lim, err
}

// limitFlag is by what the interpreter's own program is called to set limits, then to
// become another: resource:soft:hard,...
const limitFlag = "-U"

// limitArgs gives the arguments that set the shell's limits.
func (sh *shell) limitArgs() []string {
	var b strings.Builder
	for _, l := range sh.limits {
		b.WriteString(itoa(l.resource) + ":" + strconv.FormatUint(l.Cur, 10) + ":" + strconv.FormatUint(l.Max, 10) + ",")
	}
	return []string{limitFlag, b.String()}
}

// limited gives a command that is started with them.
func (sh *shell) limited(c *Command) *Command {
	with := *c
	with.Args = append(append(sh.limitArgs(), "--", c.Path), c.Args...)
	return &with
}

// Limit sets the limits that the argument of the interpreter's flag -U says, for the
// process to become the program that it is called for.
func Limit(text string) error {
	for l := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		f := strings.Split(l, ":")
		if len(f) != 3 {
			return strconv.ErrSyntax
		}
		resource, err := strconv.Atoi(f[0])
		var lim unix.Rlimit
		if err == nil {
			lim.Cur, err = strconv.ParseUint(f[1], 10, 64)
		}
		if err == nil {
			lim.Max, err = strconv.ParseUint(f[2], 10, 64)
		}
		if err == nil {
			err = unix.Setrlimit(resource, &lim)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ulimit shows or sets a limit on what programs may use.
func ulimit(sh *shell, args []string) error {
	soft, hard, letter := true, true, byte('f')
	words := args[1:]
	for ; len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-'; words = words[1:] {
		for _, c := range words[0][1:] {
			switch c {
			case 'S':
				hard = false
			case 'H':
				soft = false
			case 'a':
				letter = 'a'
			default:
				letter = byte(c)
			}
		}
	}
	sh.status = statusOK
	known := letter == 'a'
	var out []byte
	for _, l := range limits {
		if letter != 'a' && letter != l.letter {
			continue
		}
		known = true
		lim, err := sh.rlimit(l.resource)
		if err != nil {
			return sh.failed("ulimit", err)
		}
		if len(words) == 1 && letter != 'a' {
			return sh.setLimit(l.resource, l.unit, lim, words[0], soft, hard)
		}
		v := lim.Cur
		if !soft {
			v = lim.Max
		}
		text := "unlimited"
		if v != unix.RLIM_INFINITY {
			text = strconv.FormatUint(v/l.unit, 10)
		}
		out = append(out, "ulimit -"+string(l.letter)+" "+text+"\n"...)
	}
	if len(out) > 0 {
		sh.print("ulimit", out)
	}
	if !known || len(words) > 1 || letter == 'a' && len(words) > 0 {
		sh.sayAt("usage: ulimit [-SHacdflmnstuv [limit]]")
		sh.setStatus("ulimit usage")
	}
	return nil
}

func (sh *shell) setLimit(resource int, unit uint64, lim unix.Rlimit, text string, soft, hard bool) error {
	v := uint64(unix.RLIM_INFINITY)
	if text != "unlimited" {
		n, err := strconv.ParseUint(text, 10, 53)
		if err != nil {
			sh.sayAt("ulimit: " + text + ": not a number")
			sh.setStatus("ulimit usage")
			return nil
		}
		v = n * unit
	}
	if soft {
		lim.Cur = v
	}
	if hard {
		lim.Max = v
	}
	var err error
	switch was, _ := sh.rlimit(resource); {
	case sh.main:
		err = unix.Setrlimit(resource, &lim)
	case sh.r.hooks.Self == nil:
		return sh.fail("ulimit: not in a subshell")
	case lim.Cur > lim.Max:
		err = unix.EINVAL
	case lim.Max > was.Max && unix.Geteuid() != 0:
		err = unix.EPERM
	default:
		limits := []limit{{resource, lim}}
		for _, l := range sh.limits {
			if l.resource != resource {
				limits = append(limits, l)
			}
		}
		sh.limits = limits
	}
	if err != nil {
		sh.sayAt("ulimit: " + because(err))
		sh.status = statusOne
	}
	return nil
}
