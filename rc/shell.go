package rc

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"ninespace/rc/syntax"
)

// maxDepth is how deep functions, scripts and eval may be nested: what a script
// that calls itself for ever may use of memory.
const maxDepth = 100_000

// A shell is an interpreter: the main one of a Runner, or the copy of one that a
// subshell is. It belongs to one goroutine.
type shell struct {
	r      *Runner
	main   bool // it has the notes, and runs sigexit
	vars   *table[value]
	fns    *table[*fn]
	star   []string // $*
	status []string // $status
	locals []hidden
	grown  map[string][]string // see extend
	env    []string            // see environ; nil: to be made

	fds    files  // never changed, but replaced
	held   []held // what process substitutions opened
	dir    *directory
	umask  int     // -1: the process's
	limits []limit // a subshell's own
	place  *place  // nil: any thread will do
	group  *group  // nil: the process's own
	beside *group  // that of process substitutions of a command that is not begun
	loose  bool    // programs it starts are no jobs of their own: others run beside it

	eg    *envGroup      // nil: there is none
	egOwn bool           // it has the shell's variables; a subshell's are no files
	local map[string]int // of the names of locals, how many there are; nil without eg

	flags  uint32 // by letter
	eflag  bool   // exit if the command that now runs fails
	eline  bool   // -e was set when the line was read
	ifnot  bool   // what if not asks
	depth  int
	parted bool // it has said goodbye

	seen        uint32       // the events that it has looked at
	interrupts  uint32       // those that it began with
	expired     *atomic.Bool // its time is over; nil for one that has all of it
	interactive int          // how many interactive scripts it is in

	file  string // of the commands, for errors; "" where a person types them
	line  int32
	quiet bool // rcmain: -v, -x and -s are not about it
	jobs  *jobs
}

// What ends more than the present command. It has been said, and $status set.
var (
	errExit  = errors.New("exit")  // the shell
	errAbort = errors.New("error") // all up to where a person types, or the shell
)

// fork gives a copy that a subshell begins with, on the same goroutine or, after
// retain, on another.
func (sh *shell) fork() *shell {
	n := *sh
	n.main = false
	n.vars, n.fns = sh.vars.share(), sh.fns.share()
	n.locals = sh.locals[:len(sh.locals):len(sh.locals)]
	n.grown, n.held, n.jobs, n.beside = nil, nil, nil, nil
	n.egOwn, n.local = false, nil
	n.dir.retain()
	n.place.retain()
	return &n
}

// done ends a subshell.
func (sh *shell) done() {
	sh.letGo(0)
	sh.vars.drop()
	sh.fns.drop()
	sh.dir.release()
	sh.place.release()
}

// detach readies a copy for another goroutine: it outlives the descriptors of the
// commands around it. end gives them up.
func (sh *shell) detach() {
	sh.fds = sh.fds.retain()
	sh.loose = true
	sh.locals = append([]hidden(nil), sh.locals...)
	sh.r.live.Add(1)
	sh.r.lives.Add(1)
}

func (sh *shell) end() {
	sh.done()
	sh.fds.release()
	sh.r.lives.Add(-1)
	sh.r.live.Done()
}

// Statuses that lists are not made for.
var (
	statusOK   = []string{""}
	statusOne  = []string{"1"}
	noMatch    = []string{"no match"}
	statusNot  = []string{"false"}
	statusFail = []string{"error"}
)

func (sh *shell) setStatus(s string) {
	switch s {
	case "":
		sh.status = statusOK
	case "1":
		sh.status = statusOne
	default:
		sh.status = []string{s}
	}
}

func (sh *shell) statusText() string {
	if len(sh.status) == 0 {
		return ""
	}
	return sh.status[0]
}

// ok tells whether a status is true.
func (sh *shell) ok() bool { return isTrue(sh.statusText()) }

func isTrue(status string) bool {
	for i := 0; i < len(status); i++ {
		if status[i] != '|' && status[i] != '0' {
			return false
		}
	}
	return true
}

// ExitCode gives the code by which a process ends that has the status: 0 if it is
// true, else the number that it begins with, modulo 256, or 1.
func ExitCode(status string) int {
	if isTrue(status) {
		return 0
	}
	number, minus := strings.CutPrefix(strings.TrimLeft(status, " \t"), "-")
	n, _ := digits(number, 0)
	if minus {
		n = -n
	}
	if n == 0 {
		return 1
	}
	return n & 0xff
}

// asProcess is a status as it is after it has been a process's exit code.
func asProcess(status string) string {
	if n := ExitCode(status); n != 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// Flags are letters, upper and lower case.
func flagBit(c byte) uint32 {
	if 'a' <= c && c <= 'z' {
		return 1 << (c - 'a')
	}
	switch c {
	case 'I':
		return 1 << 26
	case 'V':
		return 1 << 27
	case 'S':
		return 1 << 28
	case 'D':
		return 1 << 29
	case 'Y':
		return 1 << 30
	}
	return 0
}

func (sh *shell) flag(c byte) bool { return sh.flags&flagBit(c) != 0 }

// say writes a message of the shell's on descriptor 2, after where it is.
func (sh *shell) say(msg string) {
	sh.write(2, []byte(msg+"\n"))
}

// at gives the place that the shell is at, for messages.
func (sh *shell) at() string {
	if sh.file == "" || sh.quiet {
		return sh.r.name + ": "
	}
	return sh.file + ":" + strconv.Itoa(int(sh.line)) + ": "
}

func (sh *shell) sayAt(msg string) { sh.say(sh.at() + msg) }

// fail says what went wrong at run time and ends the script by it.
func (sh *shell) fail(msg string) error {
	sh.sayAt(msg)
	sh.status = statusFail
	return errAbort
}

// failed is fail of something that has an error.
func (sh *shell) failed(what string, err error) error {
	return sh.fail(what + ": " + because(err))
}

// because gives an error without the operation and the name that os and the like
// put before it, as the C library words it.
func because(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := errno.Error()
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return s
}

// locate remembers where the shell is.
func (sh *shell) locate(p syntax.Pos) {
	if p.Line != 0 {
		sh.line = p.Line
	}
}

// trace writes a command's words for -x where the messages of the whole script go:
// they are not the command's.
func (sh *shell) trace(words []string) {
	if sh.quiet {
		return
	}
	if err := sh.r.stderr; err != nil {
		err.write([]byte(quoted(words) + "\n"))
	}
}
