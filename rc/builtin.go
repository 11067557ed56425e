package rc

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// builtin gives the function of a builtin that the shell has, nil if there is none of
// the name. Those of job control are a person's.
func (sh *shell) builtin(name string) func(*shell, []string) error {
	if sh.main && sh.control() {
		switch name {
		case "bg":
			return bg
		case "fg":
			return fg
		case "jobs":
			return listJobs
		}
	}
	return builtin(name)
}

func builtin(name string) func(*shell, []string) error {
	switch name {
	case ".":
		return dot
	case "builtin":
		return bypass
	case "cd":
		return cd
	case "echo":
		return echo
	case "eval":
		return eval
	case "exec":
		return execute
	case "exit":
		return exit
	case "finit":
		return finit
	case "flag":
		return setFlag
	case "read":
		return readLines
	case "rfork":
		return rfork
	case "shift":
		return shift
	case "ulimit":
		return ulimit
	case "umask":
		return umask
	case "wait":
		return wait
	case "whatis":
		return whatis
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }

// bypass is builtin: it runs a command without regard to functions.
func bypass(sh *shell, args []string) error {
	if len(args) == 1 {
		sh.sayAt("builtin: empty argument list")
		sh.setStatus("empty arg list")
		return nil
	}
	return sh.command(args[1:])
}

func exit(sh *shell, args []string) error {
	switch {
	case sh.r.tasks.warn(sh):
		return nil
	case len(args) > 2:
		sh.sayAt("Usage: exit [status]; exiting anyway")
		fallthrough
	case len(args) == 2:
		sh.setStatus(args[1])
	}
	return sh.exit()
}

func shift(sh *shell, args []string) error {
	n := 1
	switch {
	case len(args) == 2:
		n, _ = digits(args[1], 0)
	case len(args) > 2:
		sh.sayAt("Usage: shift [n]")
		sh.setStatus("shift usage")
		return nil
	}
	sh.star = sh.star[min(n, len(sh.star)):]
	sh.status = statusOK
	return nil
}

func eval(sh *shell, args []string) error {
	if len(args) == 1 {
		return sh.fail("Usage: eval cmd ...")
	}
	text := strings.Join(args[1:], " ")
	if text == "" {
		return nil
	}
	// A line of the script is known better than one of the text, or of a text within that.
	const mark = ": eval"
	name := sh.r.name
	switch {
	case strings.HasSuffix(sh.file, mark):
		name = sh.file
	case !sh.quiet:
		name = strings.TrimSuffix(sh.at(), ": ") + mark
	}
	return sh.evalText(name, text+"\n")
}

func cd(sh *shell, args []string) error {
	dir := ""
	switch len(args) {
	case 1:
		if home := sh.get("home"); len(home) > 0 {
			dir = home[0]
			break
		}
		return sh.cantCd("-- $home empty", nil)
	case 2:
		dir = args[1]
	default:
		sh.sayAt("Usage: cd [directory]")
		sh.setStatus("can't cd")
		return nil
	}
	if !rooted(dir) {
		for _, in := range sh.get("cdpath") {
			name := in + "/" + dir
			if in == "" || in == "." {
				name = dir
			}
			err := sh.chdir(name)
			if err == unix.EINTR {
				return sh.cantCd(name, err)
			}
			if err == nil {
				if name != dir {
					sh.say(name)
				}
				sh.status = statusOK
				return nil
			}
		}
	}
	if err := sh.chdir(dir); err != nil {
		return sh.cantCd(dir, err)
	}
	sh.status = statusOK
	return nil
}

func (sh *shell) cantCd(dir string, err error) error {
	msg := "can't cd " + dir
	if err != nil {
		msg = "can't cd " + syntax.Quote(dir) + ": " + because(err)
	}
	sh.sayAt(msg)
	sh.setStatus("can't cd")
	return nil
}

// posted gives the number to write for a descriptor's that is written to a file of /srv,
// where it means one of this process: the script has numbers of its own.
func (sh *shell) posted(word string) string {
	n, out := argument(word), sh.fds.at(1)
	if sh.r.hooks.Device == nil || n == 0 && word != "0" || n > maxFd || out == nil || out.fd < 0 {
		return word
	}
	name, err := os.Readlink(procFd + itoa(out.fd))
	f := sh.fds.at(int32(n))
	if err != nil || f == nil || !strings.HasPrefix(name, "/srv/") && !strings.HasPrefix(name, "/n/.s.") {
		return word
	}
	if n, err = f.number(); err != nil {
		return word
	}
	return itoa(n)
}

// echo is here for its speed: lists too long for a program, too, it can write.
// Flags but -n are those of the system's own.
func echo(sh *shell, args []string) error {
	words, newline := args[1:], "\n"
	if len(words) > 0 && words[0] == "-n" {
		words, newline = words[1:], ""
	}
	if len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		if file, err := sh.find("echo"); err == nil {
			p, err := sh.startFile(file, args)
			if err == nil {
				sh.setStatus(sh.wait(p))
				return nil
			}
		}
	}
	if len(words) == 1 {
		words = []string{sh.posted(words[0])}
	}
	n := 1
	for _, w := range words {
		n += len(w) + 1
	}
	b := make([]byte, 0, n)
	for i, w := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, w...)
	}
	sh.status = statusOK
	sh.print("echo", append(b, newline...))
	return nil
}

// print writes what a builtin has to say. If it can't it says so, but not of a pipe that nobody
// reads, and sets $status.
func (sh *shell) print(name string, text []byte) {
	switch err := sh.write(1, text); {
	case err == nil:
	case isGone(err):
		sh.setStatus("signal: " + noteText(unix.SIGPIPE))
	default:
		sh.sayAt(name + ": " + because(err))
		sh.status = statusOne
	}
}

func finit(sh *shell, args []string) error {
	// Functions came with the environment, and are parsed when they are needed. What
	// others have written to /env since is new.
	if !sh.quiet {
		sh.refresh(true)
	}
	sh.status = statusOK
	return nil
}

func setFlag(sh *shell, args []string) error {
	usage := len(args) < 2 || len(args) > 3 || len(args[1]) != 1 || len(args) == 3 && args[2] != "+" && args[2] != "-"
	if usage || flagBit(args[1][0]) == 0 {
		return sh.fail("Usage: flag [letter] [+-]")
	}
	bit := flagBit(args[1][0])
	sh.status = statusOK
	switch {
	case len(args) == 2:
		if sh.flags&bit == 0 {
			sh.setStatus("flag not set")
		}
	case args[2] == "+":
		sh.flags |= bit
	default:
		sh.flags &^= bit
	}
	return nil
}

func umask(sh *shell, args []string) error {
	sh.status = statusOK
	switch len(args) {
	case 1:
		sh.print("umask", []byte("umask "+octal(sh.currentUmask())+"\n"))
		return nil
	case 2:
		n, err := strconv.ParseUint(args[1], 8, 12)
		if err != nil || n > 0o777 {
			break
		}
		if err := sh.setUmask(int(n)); err != nil {
			return sh.failed("umask", err)
		}
		return nil
	}
	sh.sayAt("usage: umask [mode]")
	sh.setStatus("umask usage")
	return nil
}

func octal(n int) string {
	s := strconv.FormatInt(int64(n), 8)
	return strings.Repeat("0", max(0, 3-len(s))) + s
}
