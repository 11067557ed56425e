package rc

import (
	"context"
	"errors"
	"os"
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
		Settle:  n.settle,
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
