package rc

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// builtin gives the function of a builtin, nil if there is none of the name.
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
	// A line of the script is known better than one of the text.
	name := sh.r.name
	if !sh.quiet {
		name = sh.at() + "eval"
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
			if sh.chdir(name) == nil {
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
	if err := sh.write(1, append(b, newline...)); err != nil {
		if isGone(err) {
			sh.setStatus("signal: " + noteText(unix.SIGPIPE))
		} else {
			sh.sayAt("echo: " + because(err))
			sh.status = statusOne
		}
	}
	return nil
}

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

func finit(sh *shell, args []string) error {
	// Functions came with the environment, and are parsed when they are needed.
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
		sh.write(1, []byte("umask "+octal(sh.currentUmask())+"\n"))
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
	names := strings.Map(func(c rune) rune {
		if strings.ContainsRune("nNm", c) {
			return c
		}
		return -1
	}, letters)
	var err error
	if names != "" {
		err = sh.rfork(names)
	}
	if err == nil && strings.Contains(letters, "s") {
		err = sh.newGroup()
	}
	if err != nil {
		sh.sayAt("rfork failed: " + err.Error())
		sh.setStatus("rfork failed")
		return nil
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
	}
	if strings.Contains(letters, "F") && len(sh.fds) > 3 {
		sh.fds = sh.fds[:3]
	}
	sh.status = statusOK
	return nil
}

// newGroup makes a process group for what the shell starts from now on.
func (sh *shell) newGroup() error {
	if sh.main && sh.r.hooks.Group != nil {
		sh.group = nil
		return sh.r.hooks.Group()
	}
	sh.group = &group{}
	return nil
}

// whatis writes what a name is as text to define it by.
func whatis(sh *shell, args []string) error {
	if len(args) == 1 {
		return sh.fail("Usage: whatis name ...")
	}
	status := statusOK
	var out []byte
	for _, name := range args[1:] {
		found := false
		if list := sh.lookup(name); len(list) > 0 {
			out = append(out, assignment(name, list)...)
			found = true
		}
		if f := sh.fns.m[name]; f != nil {
			out = append(out, sh.definition(f)...)
			found = true
		} else if name != "builtin" && (builtin(name) != nil || sh.theirs(name) != nil) {
			out = append(out, "builtin "+name+"\n"...)
			found = true
		} else if file, err := sh.find(name); err == nil {
			out = append(out, file+"\n"...)
			found = true
		}
		if !found {
			sh.sayAt(name + ": not found")
			status = []string{"not found"}
		}
	}
	sh.status = status
	if err := sh.write(1, out); err != nil {
		return sh.failed("whatis", err)
	}
	return nil
}

// assignment gives the text that assigns a list.
func assignment(name string, list []string) string {
	var b strings.Builder
	b.WriteString(syntax.Quote(name) + "=")
	if len(list) == 1 {
		b.WriteString(syntax.Quote(list[0]) + "\n")
		return b.String()
	}
	b.WriteByte('(')
	for i, w := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(syntax.Quote(w))
	}
	b.WriteString(")\n")
	return b.String()
}

// definition gives the text that defines a function.
func (sh *shell) definition(f *fn) string {
	if f.parse() != nil {
		_, text, _ := strings.Cut(f.env, "=")
		return "fn " + syntax.Quote(f.name) + " " + text + "\n"
	}
	return syntax.Print(&syntax.Fn{Names: []syntax.Word{&syntax.Lit{Text: f.name, Quoted: syntax.Keyword(f.name)}}, Body: f.body}) + "\n"
}
