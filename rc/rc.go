// Package rc is an interpreter of rc(1), Plan 9's shell, for programs to embed: it
// reaches the system by [Hooks] only, and changes nothing of its process that
// others share, as the directory, the environment and descriptors.
//
// The language is that of 9front's manual page, bound to Linux as plan9port
// binds it: exit codes as statuses, $PATH, functions in the environment as fn#name.
//
// A subshell is no process but a copy of the interpreter: of tables that are
// shared until one changes them, with descriptors, a directory and a umask of its own.
// What Linux keeps by thread a shell has by threads of its own, from when it
// needs them: see place. Only what is left to run with & and is more than one program
// becomes a process, by Hooks.Self.
package rc

import (
	"context"
	_ "embed"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// A Config is what a Runner begins with.
type Config struct {
	Name  string   // $rcname, and what errors of what a person types begin with
	Args  []string // $*
	Env   []string // name=value; lists are separated by byte 1
	Files []int    // descriptors by number, which stay the caller's; -1 is closed
	Flags string   // letters of the flags that are set, as of rc(1)
	Lines LineReader
	Hooks Hooks
}

// A Runner is an interpreter. Its methods but Note are for one goroutine.
type Runner struct {
	name  string
	hooks Hooks
	lines LineReader
	sh    *shell

	stderr *file
	given  []bool // descriptors that it was made with, by number

	live       sync.WaitGroup // subshells on goroutines
	lives      atomic.Int32
	events     atomic.Uint32 // counts what shells have to look at
	gone       atomic.Bool   // the terminal where a person types
	interrupts atomic.Uint32 // counts those that end what runs
	stopped    atomic.Bool
	alarm      atomic.Int32 // an eventfd for what waits in the kernel
	typed      atomic.Bool  // a person types
	handled    atomic.Bool  // the script has a function for sigint
	caught     atomic.Int32 // notes that it has functions for
	fake       atomic.Int32 // the last number given to what is no process
	wake       chan struct{}
	hanging    atomic.Int32 // calls for completion that have not ended
	tasks      tasks        // those of the shells that a person types to

	mu       sync.Mutex
	pending  []string // notes
	children map[Process]bool
	cancels  bool // children are kept, to be ended with the context
}

// New makes a Runner. It has read the environment and run nothing.
func New(c Config) *Runner {
	r := &Runner{name: c.Name, hooks: c.Hooks, lines: c.Lines, wake: make(chan struct{}, 1)}
	r.hooks.Fill()
	sh := &shell{r: r, main: true, umask: -1, star: c.Args, status: statusOK}
	r.sh = sh
	for i := range len(c.Flags) {
		sh.flags |= flagBit(c.Flags[i])
	}
	sh.vars, sh.fns = newTable[value](len(c.Env)+16), newTable[*fn](0)
	sh.fds, r.given = make(files, len(c.Files)), make([]bool, len(c.Files))
	for i, fd := range c.Files {
		if fd >= 0 {
			sh.fds[i] = newFile(fd)
			sh.fds[i].foreign, r.given[i] = true, true
		}
	}
	r.stderr = sh.fds.at(2)
	mark := sh.importEnv(c.Env)
	sh.joinEnv(mark, sh.has)
	sh.set("rcname", []string{c.Name})
	sh.set("pid", []string{strconv.Itoa(os.Getpid())})
	return r
}

// Fill puts Linux's own in the place of hooks that are not there but have one.
func (h *Hooks) Fill() {
	if h.Open == nil {
		h.Open = osOpen
	}
	if h.Stat == nil {
		h.Stat = osStat
	}
	if h.ReadDir == nil {
		h.ReadDir = osReadDir
	}
	if h.OpenDir == nil {
		h.OpenDir = osOpenDir
	}
	if h.Start == nil {
		h.Start = osStart
	}
	if h.Rfork == nil {
		h.Rfork = osRfork
	}
}

// Set sets a variable; an empty list unsets it.
func (r *Runner) Set(name string, list ...string) { r.sh.set(name, list) }

// Get gives a variable's list.
func (r *Runner) Get(name string) []string { return append([]string(nil), r.sh.get(name)...) }

// Run runs the commands of a source, whose name is for errors, and gives the status in the end:
// "" is success. The end of ctx ends it, and the programs it waits for.
// Shells that commands left running are on their own; Wait waits for them.
func (r *Runner) Run(ctx context.Context, name string, src syntax.Source) string {
	defer r.until(ctx)()
	sh := r.sh
	sh.file = name
	err := sh.commands(syntax.NewParser(name, src))
	return r.ended(err)
}

// Wait waits for all subshells that run on goroutines.
func (r *Runner) Wait() { r.live.Wait() }

// Close waits for them too, and gives up what the interpreter has: it is of no further
// use.
func (r *Runner) Close() {
	r.live.Wait()
	r.sh.done()
	r.sh.dir, r.sh.place = nil, nil
}

func (r *Runner) ended(err error) string {
	sh := r.sh
	if err == nil && sh.seen != r.events.Load() {
		err = sh.notes()
	}
	if err == nil {
		sh.goodbye()
	}
	sh.bequeath()
	sh.letGo(0)
	if fd := r.alarm.Swap(0); fd > 0 {
		unix.Close(int(fd))
	}
	return sh.statusText()
}

// until ends the run with the context, as long as the function that it gives has
// not been called.
func (r *Runner) until(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	r.mu.Lock()
	r.cancels = true
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, r.stop)
	return func() { stop() }
}

// rcmain is the script that an rc begins with.
//
//go:embed rcmain
var rcmain string

const rcmainName = "rcmain"

// Main runs rc as its manual page has it: rcmain, which runs what the arguments and
// flags say. file is another rcmain, if it is not "".
func (r *Runner) Main(ctx context.Context, file string) string {
	defer r.until(ctx)()
	sh := r.sh
	sh.defaults()
	var err error
	if file != "" {
		err = dot(sh, append([]string{".", file}, sh.star...))
	} else {
		sh.set("0", []string{r.name})
		err = sh.source(rcmainName, syntax.Text(rcmain), sh.star, false)
	}
	return r.ended(err)
}

// defaults gives the variables that scripts count on their values, where they have none.
// It is not rcmain that does, as most of what rc takes to start would go into that.
func (sh *shell) defaults() {
	sh.quiet = true // nobody has set anything: /env is not told
	defer func() { sh.quiet = false }()
	if len(sh.get("home")) == 0 {
		home := sh.get("HOME")
		if len(home) == 0 {
			home = []string{"/"}
		}
		sh.set("home", home)
	}
	if len(sh.get("ifs")) == 0 {
		sh.set("ifs", []string{" \t\n"})
	}
	switch prompt := sh.get("prompt"); len(prompt) {
	case 0:
		sh.set("prompt", []string{"% ", "\t"})
	case 1:
		sh.set("prompt", []string{prompt[0], "\t"})
	}
	if sh.flag('p') || len(sh.get("path")) == 0 {
		sh.set("path", []string{"/bin", "/usr/bin"})
	}
}
