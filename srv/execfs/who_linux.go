package execfs

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/osthread"
	"ninespace/srv/p9"
)

// Whose a command is and what it comes before.

// setUid is the ctl command uid: the command is another user's, with that user's
// groups, and HOME, USER and LOGNAME.
func (c *conv) setUid(_ context.Context, args []string) error {
	return c.config(func() error {
		switch {
		case len(args) != 1 || args[0] == "":
			return invalid("usage: uid user")
		case c.cfg.Start != nil: // a name space is its maker's
			return p9.ErrNotSup
		case os.Geteuid() != 0 || !c.user.Host():
			return p9.NewError(syscall.EPERM, "only root runs commands for others")
		}
		u := srv.NewUser(args[0], p9.NoUid)
		if u.Uid == p9.NoUid || u.Gid == p9.NoUid {
			return p9.NewError(syscall.EINVAL, "unknown user "+srv.Quote(args[0]))
		}
		c.cred = &syscall.Credential{Uid: u.Uid, Gid: u.Gid, Groups: u.Groups()}
		env := []string{"USER=" + u.Name, "LOGNAME=" + u.Name}
		if pw, err := user.Lookup(u.Name); err == nil {
			env = append(env, "HOME="+pw.HomeDir)
		}
		c.env = append(c.env[:len(c.env):len(c.env)], env...)
		return nil
	})
}

// setNice is the ctl command nice: before exec and while the command runs.
func (c *conv) setNice(_ context.Context, args []string) error {
	if len(args) != 1 {
		return invalid("usage: nice priority")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < -20 || n > 19 {
		return invalid("bad priority " + srv.Quote(args[0]) + ": -20 to 19")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case "open":
		if err := onThread(func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, n) }); err != nil {
			return err
		}
		c.nice = &n
		return nil
	case "running":
		err := unix.Setpriority(unix.PRIO_PGRP, c.cmd.Process.Pid, n)
		if err == nil {
			c.nice = &n
		}
		return err
	}
	return p9.NewError(syscall.ESRCH, "no command is running")
}

// onThread does what only concerns the calling thread and what it starts, on one
// that ends with it.
func onThread(f func() error) error {
	done := make(chan error)
	osthread.Go(func() { done <- f() })
	return <-done
}
