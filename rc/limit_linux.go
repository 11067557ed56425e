package rc

import (
	"strconv"

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

// ulimit shows or sets a limit on what programs may use: the process's own, so that a
// subshell cannot set one.
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
	for _, l := range limits {
		if letter != 'a' && letter != l.letter {
			continue
		}
		known = true
		var lim unix.Rlimit
		if err := unix.Getrlimit(l.resource, &lim); err != nil {
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
		sh.write(1, []byte("ulimit -"+string(l.letter)+" "+text+"\n"))
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
	if !sh.main {
		return sh.fail("ulimit: not in a subshell")
	}
	if err := unix.Setrlimit(resource, &lim); err != nil {
		sh.sayAt("ulimit: " + because(err))
		sh.status = statusOne
	}
	return nil
}
