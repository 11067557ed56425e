// Package execfs serves the running of commands: a conversation is one command,
// as in Inferno's cmd(3) and 9front's execnet(4).
//
//	/             0555
//	    clone     0666  opening it makes the next conversation and is its ctl
//	    N/        0555  conversation N
//	        ctl     0600  reads as N; accepts the commands below
//	        0       0200  the command's standard input
//	        1       0400  its standard output
//	        2       0400  its standard error
//	        wait    0400  blocks until the command ends, then reads as its wait(2) line
//	        note    0200  each write is a note to the command's process group
//	        ns      0600  namespace(6) lines for the command; reads as what was written
//	        status  0444  state, pid, dir, cmd, and the last error
//
// N's files are their opener's: the user who opened clone. A conversation lives
// while one of its files is open.
//
// # Commands
//
// Words are quoted as rc(1) has it; a quoted word may hold newlines.
//
//	exec cmd arg ...     start the command; an error comes back on the write
//	dir path             run in this directory
//	env name=value ...   add to or change the environment
//	env -                begin with an empty one
//	arg0 name            be called by this name instead of cmd
//	pty [term]           run on a pseudo-terminal, with TERM set if term is given
//	winsize rows cols [xpixels ypixels]
//	                     the terminal's size, any time after pty; the command is told (SIGWINCH)
//	note text            as a write of the file note
//	kill                 SIGKILL to the command's process group
//	killonclose          end the command when the conversation ends
//	uid user             run as this user, if root serves it and asks
//	nice n               with this priority, -20 to 19; any time until it ends
//	limit cpu n%         at most so much of one processor's time, such as 50%
//	limit memory n       at most n bytes of memory (K, M, G, T), else the kernel kills
//	limit pids n         at most n processes and threads; unlimited is none, for each
//	detach               keep the conversation when none of its files is open
//	attach               no longer
//
// A command without a slash is looked for in PATH, the command's own and not the
// server's. If it is not there the write's error says so and where it was looked for,
// with ENOENT (a shell's 127); if it is there and cannot be executed, EACCES (126).
// A failed exec may be followed by another one.
//
// # Standard input and output
//
// Offsets are ignored. A read of 1 or 2 blocks until the command has written, a
// write of 0 while the pipe is full: a command whose output nobody reads blocks as
// it would on any pipe, and nothing is kept in memory. Before exec they block until
// the command has started. Reads of a fid are done one at a time, in the order in which they
// came, and so are writes, so that a client may have several on their way, as the line
// inorder of status tells. A read that is flushed loses no bytes. 1 and 2 end when
// each process that has them open has closed them, which may be long after the
// command itself ended (a background process that it left behind); wait does not wait for
// that. When the last fid that 0 was opened with is clunked, the command's input
// ends; when the last of 1 or 2 is, the command's next write there gives SIGPIPE,
// as closing a pipe does. A file that was never opened stays connected.
//
// With pty, 0 and 1 are the terminal's master side, 2 is at its end at once, and
// they stay connected until the conversation ends. A byte 3 written to 0 interrupts, as
// typed. The last clunk of 0 types the terminal's end-of-file character if the terminal
// is then in canonical mode.
//
// # Wait and status
//
// Wait reads as "pid user system real status" (times in ms): srv.ParseWaitMsg
// and srv.ParseStatus read it back. The status is empty for success, or 'exit 7',
// 'signal 9 (killed)', 'signal 6 (aborted) core'. Every fid of it reads the same,
// whenever it was opened. Status has a line for each of state (open, starting, running,
// ended), pid, dir, cmd, wait (the status, once ended), uid, nice, limit, used (what of a
// limited memory and number of processes it has), detached, inorder and err (the last error), those that are known.
//
// # Limits
//
// A command with a limit has a control group (cgroups(7), version 2) of its own, made
// beside the server's. A user needs a delegated place for that, such as systemd's
// user manager gives; without one the write of limit is an error. Limits hold for all
// that the command starts, may be changed while it runs, and killonclose then
// ends every process of the group, whatever its session.
//
// # Detaching
//
// After detach the command goes on, connected as it is, when its files are no
// longer open and when the connection is gone: it is found again in its directory
// N. What it writes waits in the pipe. Attach and then leaving the files ends the
// conversation as ever; so does the end of the server.
//
// # Processes
//
// A command is the leader of a session and a process group of its own, has no
// descriptors but 0, 1 and 2 and no ignored signals. Notes and kill go to the process
// group. Once the command has ended it is kept as a zombie until the conversation
// ends, so that its group's number cannot become another's.
//
// When the conversation ends, by clunks or by the connection's end, its pipes and
// terminal are closed. With killonclose the group gets SIGHUP, and after
// Config.Grace, or as soon as the command itself has ended, SIGKILL: this covers what a
// command left behind in its group, and does not cover what has moved to another group or
// session (setsid(1), an interactive shell's background jobs).
// Without it the command runs on by itself.
package execfs

import (
	"context"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says how commands are run. The zero Config runs them as the server's user.
type Config struct {
	// Start starts cmd, whose Path is what the client wrote and not yet looked up,
	// and whose Env, Dir, standard files and SysProcAttr (a session of its own) are set.
	// It may change cmd, and must have started it when it returns nil. ns is the text
	// of the file ns: what of it cannot be done must be an error. ctx carries the user
	// and ends with the conversation. nil: Start, and writing ns is an error.
	Start func(ctx context.Context, cmd *exec.Cmd, ns string) error

	Dir         string        // where commands run that set no dir; "" is the server's own
	Env         []string      // the environment that env adds to; nil is the server's own
	KillOnClose bool          // every conversation begins as after a killonclose
	Grace       time.Duration // from SIGHUP to SIGKILL; 2 s where 0
}

// An FS is the served directory.
type FS struct {
	*srv.Clone
	cfg Config

	mu     sync.Mutex
	convs  map[*conv]bool
	closed bool
	wg     sync.WaitGroup // counts convs
}

// New makes the directory. It starts nothing until clone is opened.
func New(cfg Config) *FS {
	if cfg.Grace == 0 {
		cfg.Grace = 2 * time.Second
	}
	f := &FS{cfg: cfg, convs: map[*conv]bool{}}
	f.Clone = srv.NewClone(f.start)
	return f
}

// Close ends every conversation and waits until each has let go of what it had; a
// command without killonclose runs on. No more conversations can be made.
func (f *FS) Close() error {
	f.mu.Lock()
	f.closed = true
	for c := range f.convs {
		c.cancel()
	}
	f.mu.Unlock()
	f.wg.Wait()
	return nil
}

// start makes conversation n.
func (f *FS) start(ctx context.Context, n int) (*srv.Dir, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, p9.ErrHungup
	}
	c := newConv(ctx, f.cfg, n, func() func() { return f.Hold(n) })
	f.convs[c] = true
	f.wg.Add(1)
	context.AfterFunc(c.ctx, func() {
		defer f.wg.Done()
		c.end()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.convs, c)
	})
	return c.dir(), nil
}

func number(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0, invalid("bad number " + srv.Quote(s))
	}
	return n, nil
}
