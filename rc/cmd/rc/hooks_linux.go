package rc

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/ns"
	"ninespace/rc"
	"ninespace/rc/syntax"
)

// hooks give an interpreter that is a whole process what it may do with it.
func hooks(n *notes) rc.Hooks {
	h := rc.Hooks{
		Replace: rc.Replace,
		Self:    self,
		Rfork:   rfork,
		Group:   func() error { return group() },
		Catch:   n.catch,
		Builtin: builtin,
		Env:     env,
	}
	h.Fill()
	if ns.Inside() {
		h = withDevices(h)
	}
	return h
}

// self starts this program again as rc.
func self(c *rc.Command) (rc.Process, error) {
	c.Path = "/proc/self/exe"
	if _, err := os.Stat(c.Path); err != nil {
		if c.Path, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	c.Args = append([]string{"rc"}, c.Args...)
	return rc.Start(c)
}

// continued runs what another rc had to run with &, whose state a descriptor has.
func continued(ctx context.Context, config rc.Config, n *notes, fd int) string {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "state")
	if fd < len(config.Files) {
		config.Files[fd] = -1
	}
	config.Flags += "p" // the functions come with the state
	config.Hooks.Env = nil
	r := rc.New(config)
	n.to(r, false)
	status := r.Run(ctx, "&", syntax.Reader(f))
	f.Close()
	r.Wait()
	return status
}

// group makes this process the leader of a group.
func group() error {
	if unix.Getpgrp() == os.Getpid() {
		return nil
	}
	return unix.Setpgid(0, 0)
}

// rfork changes the name space of the calling thread: outside of a name space of
// ninespace n is Linux's, a mount namespace.
func rfork(letters, dir string) (func() error, error) {
	if ns.Inside() {
		r, err := ns.ParseRfork(letters)
		if err != nil {
			return nil, err
		}
		if err := os.Chdir(dir); err != nil {
			return nil, err
		}
		return ns.RforkThread(r)
	}
	follow, err := rc.Rfork(letters, dir)
	if errors.Is(err, syscall.ENOTSUP) {
		err = errors.New("not in a name space")
	}
	return follow, err
}

// notes are the signals that the script has functions for.
type notes struct {
	mu sync.Mutex
	r  *rc.Runner
	c  chan os.Signal
}

func newNotes() *notes { return &notes{} }

// to has the notes told to an interpreter. For one that a person types to, those of the
// keyboard end what it runs and not it.
func (n *notes) to(r *rc.Runner, interactive bool) {
	n.r = r
	if interactive {
		n.catch("sigint", true)
		n.catch("sigquit", true)
		n.catch("sigterm", true)
	}
}

// signals are those that rc has a name for. It is no map: that would be made at the start
// of every command.
var signals = [...]struct {
	name string
	sig  syscall.Signal
}{
	{"sighup", syscall.SIGHUP}, {"sigint", syscall.SIGINT}, {"sigquit", syscall.SIGQUIT}, {"sigterm", syscall.SIGTERM},
	{"sigalrm", syscall.SIGALRM}, {"sigfpe", syscall.SIGFPE}, {"sigusr1", syscall.SIGUSR1}, {"sigusr2", syscall.SIGUSR2},
	{"sigpipe", syscall.SIGPIPE}, {"sigchld", syscall.SIGCHLD}, {"sigcont", syscall.SIGCONT},
	{"sigwinch", syscall.SIGWINCH}, {"sigtstp", syscall.SIGTSTP},
}

// signalOf gives the signal of a note, 0 if there is none that can be caught.
func signalOf(note string) syscall.Signal {
	for _, s := range signals {
		if s.name == note {
			return s.sig
		}
	}
	return 0
}

// catch is the interpreter's hook.
func (n *notes) catch(name string, wanted bool) {
	sig := signalOf(name)
	if sig == 0 {
		return
	}
	if !wanted {
		signal.Reset(sig)
		return
	}
	n.mu.Lock()
	if n.c == nil {
		n.c = make(chan os.Signal, 16)
		go n.tell()
	}
	n.mu.Unlock()
	signal.Notify(n.c, sig)
}

func (n *notes) tell() {
	for c := range n.c {
		for _, s := range signals {
			if s.sig == c {
				n.r.Note(s.name)
			}
		}
	}
}
