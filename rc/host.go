package rc

import (
	"context"
	"io/fs"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// Hooks are how an interpreter reaches the system that it runs on, so that a
// program can run scripts in a name space of its own making. A nil one is
// Linux's: that of the calling process. Names are as the script has them, unless it has
// changed its directory: then a name that does not begin with a slash has been
// put behind the directory that OpenDir gave. Errors that wrap a syscall.Errno
// are told by its text. Every hook may be called by several goroutines at once.
type Hooks struct {
	// Open opens a file with the flags and permissions of open(2), less the
	// interpreter's umask, and gives a descriptor that is closed on exec and that
	// the interpreter closes. It may be the end of a pipe. After unix.EINTR this one and
	// OpenDir are called again.
	Open func(name string, flag int, perm uint32) (fd int, err error)

	// Stat gives the mode of a file, not of a symbolic link to it.
	Stat func(name string) (fs.FileMode, error)

	// ReadDir gives the names in a directory, without . and .., in any order.
	ReadDir func(name string) ([]string, error)

	// OpenDir gives what to put before names, and a slash, for them to be in the
	// directory, which the interpreter may enter. Close, which may be nil, is called
	// when no interpreter is there any longer.
	OpenDir func(name string) (dir string, close func(), err error)

	// Start starts a program.
	Start func(c *Command) (Process, error)

	// Replace makes the program of the calling process another one, for exec. It
	// returns only with an error. If it is nil, exec starts the program, waits and exits.
	Replace func(c *Command) error

	// Self starts the interpreter's own program with more arguments, for what a
	// script starts with & that is not one program. If it is nil, that runs on
	// a goroutine and the number in $apid is no process's.
	Self func(c *Command) (Process, error)

	// Rfork does what the letters of rc's rfork say for the name space (n, N, m) of
	// the calling thread, which is locked and shares neither directory nor
	// umask with others. The interpreter takes the thread, and others that
	// join its mount namespace, for all that it does from then on. dir is the
	// directory that the interpreter is in, absolute. What else the other threads have
	// to do is follow, which may be nil.
	Rfork func(letters, dir string) (follow func() error, err error)

	// Group makes the calling process the leader of a process group, for rfork s.
	Group func() error

	// Catch says that notes of a name, such as sigint, are wanted by
	// [Runner.Note], or no more. Notes that are not wanted have the
	// process's own effect.
	Catch func(note string, wanted bool)

	// Settle returns when [Runner.Note] has been told of each wanted note that had been
	// sent before: a program has ended, and what it sent comes before the next command.
	// If it is nil, notes come when they come.
	Settle func()

	// Device tells of a name that begins with # whether it is one of a device, which the
	// other hooks are given as it is in any directory. If it is nil, none is.
	Device func(name string) bool

	// Env gives the directory in which programs have their variables as files, env(3),
	// that of the group which the calling thread is in; "" if there is none. It is asked
	// for anew after Rfork, which then is told of e and E too.
	Env func() string

	// Terminal is what an interactive interpreter shares with the programs that it
	// starts: it is there for job control. If it is nil, they are all in the group of
	// the calling process.
	Terminal Terminal

	// Builtin gives a command of the embedding program, run where the interpreter's
	// system calls are made, or nil if it has none of the name.
	Builtin func(name string) func(c *Call) error
}

// A Terminal is the controlling terminal of the calling process. Its methods tell of no
// errors: a terminal that is gone ends its programs anyhow.
type Terminal interface {
	// Give makes a process group the one in the foreground. modes is how it has set the
	// terminal when it was stopped; nil, for one that is new, is how Take sets it, but that
	// ^Z stops it.
	Give(group int, modes Modes)
	// Take makes the calling process's own group that one, sets the terminal as it was in
	// the beginning, but that ^Z is nothing special, and tells how it was set.
	Take() Modes
	// Rest is Take as long as nothing runs: there ^Z is what it is.
	Rest()
	// Keep makes modes what Take sets.
	Keep(modes Modes)
	// Gone tells whether it has hung up.
	Gone() bool
}

// Modes are how a terminal is set. What they are is the Terminal's affair.
type Modes any

// A Call is one call of a builtin of the embedding program.
type Call struct {
	Args []string // with the name
	Dir  string   // absolute

	sh *shell
}

// Write writes to the descriptor 1 that the command has in the script.
func (c *Call) Write(p []byte) (int, error) { return len(p), c.sh.write(1, p) }

// Patiently makes a call that may wait for others. Where a person types, an interrupt ends the
// waiting with EINTR: ctx ends, and the thread that makes the call is sent signals.
func (c *Call) Patiently(call func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.sh.interactive == 0 {
		return call(ctx)
	}
	_, err := patient(c.sh, func(*gone) (struct{}, error) { return struct{}{}, call(ctx) }, nil)
	return err
}

// Descriptor gives the number that the process has for a descriptor of the script's, as
// long as the call lasts.
func (c *Call) Descriptor(n int) (int, error) {
	if n < 0 || n > math.MaxInt32 {
		return 0, unix.EBADF
	}
	f := c.sh.fds.at(int32(n))
	if f == nil {
		return 0, unix.EBADF
	}
	return f.number()
}

// A Command is a program to start.
type Command struct {
	Path  string   // the file; a relative one is in Dir
	Args  []string // with the name
	Env   []string
	Dir   string // "": where the process is
	Files []int  // by descriptor in the program; -1 for one that is not open
	Group int    // the process group: 0, this one; -1, a new one
	Umask int    // -1: as it is
}

// A Process is a program that was started.
type Process interface {
	Pid() int
	// Wait gives the status as rc has it: "", a decimal exit code, or "signal: "
	// and Plan 9's words for what ended it. It is called once.
	Wait() string
	Signal(sig syscall.Signal) error
}

// A LineReader reads lines from a person; [Config.Lines] is one. An interactive
// interpreter reads its commands from it and nothing else does.
//
// ReadLine shows the prompt, the first line of a command if more is false and
// else a further one of a command that is not complete, and gives what was
// typed with its newline. A pasted text may come as several lines in one answer.
// The error is io.EOF at the end, or ErrInterrupt if the person gave
// the line up: the interpreter then drops the command and prompts anew. While it
// reads, the terminal is its own: in whatever mode it likes; when it returns it
// is as it was. It is called by one goroutine at a time, while no
// command runs in the foreground, and what the person is shown it writes to
// the terminal itself.
type LineReader interface {
	ReadLine(prompt string, more bool) (string, error)
}
