package execfs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// defaultPath is where commands are looked for that have no PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// Start looks cmd up and starts it: what a nil Config.Start does.
func Start(_ context.Context, cmd *exec.Cmd, _ string) error {
	if err := LookPath(cmd); err != nil {
		return err
	}
	err := cmd.Start()
	if errors.Is(err, syscall.ENOENT) { // not the file itself: it has just been found
		if _, derr := os.Stat(cmd.Dir); cmd.Dir != "" && derr != nil {
			return fmt.Errorf("dir %s: %w", cmd.Dir, cause(derr))
		}
		return p9.NewError(syscall.ENOENT, cmd.Path+": interpreter not found")
	}
	return cause(err)
}

// LookPath sets cmd.Path, as the client wrote it, to the file to execute: one with a
// slash as seen from cmd.Dir, another one by the PATH of cmd.Env. The errors are
// ENOENT, with the places looked at, and EACCES for what cannot be executed.
func LookPath(cmd *exec.Cmd) error {
	name := cmd.Path
	if strings.Contains(name, "/") {
		if _, err := executable(cmd.Dir, name); err != nil {
			return p9.ErrorOf(err)
		}
		return nil
	}
	path := defaultPath
	for _, v := range cmd.Env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	result := p9.NewError(syscall.ENOENT, "not found in "+path)
	if name == "" {
		return result
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if !filepath.IsAbs(file) {
			file = "./" + file
		}
		there, err := executable(cmd.Dir, file)
		switch {
		case err == nil:
			cmd.Path = file
			return nil
		case there:
			result = p9.NewError(syscall.EACCES, file+": permission denied")
		}
	}
	return result
}

// executable says whether a file is there and why it cannot be executed.
func executable(dir, file string) (there bool, err error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	st, err := os.Stat(file)
	switch {
	case err != nil:
		return false, cause(err)
	case st.IsDir():
		return true, syscall.EACCES
	}
	return true, unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS)
}

// exec is the ctl command.
func (c *conv) exec(_ context.Context, args []string) (err error) {
	if len(args) == 0 {
		return invalid("usage: exec cmd arg ...")
	}
	c.starting.Lock()
	defer c.starting.Unlock()
	if c.ctx.Err() != nil {
		return p9.ErrHungup
	}
	cmd := &exec.Cmd{Path: args[0], Args: args}
	var ns string
	var tty [2]*os.File
	var group *group
	var cred *syscall.Credential
	var nice *int
	err = c.config(func() error {
		cmd.Dir, cmd.Env = c.path, c.env
		if cmd.Dir != "" {
			cmd.Env = append(slices.Clip(cmd.Env), "PWD="+cmd.Dir) // the last one counts
		}
		if c.env == nil {
			cmd.Env = []string{} // nil would be the server's own
		}
		if c.arg0 != "" {
			cmd.Args = append([]string{c.arg0}, args[1:]...)
		}
		c.state, c.args, ns, tty = "starting", args, c.ns.String(), c.tty
		group, cred, nice = c.group, c.cred, c.nice
		return nil
	})
	if err != nil {
		return err
	}
	ours, theirs, err := connect(cmd, tty)
	if err == nil {
		closeOnExec()
		unignore()
		if cmd.SysProcAttr.Credential = cred; group != nil {
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.fd.Fd())
		}
		start := c.cfg.Start
		if start == nil {
			start = Start
		}
		run := func() error { return start(c.ctx, cmd, ns) }
		if nice != nil {
			err = onThread(func() error {
				if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *nice); err != nil {
					return err
				}
				return run()
			})
		} else {
			err = run()
		}
		closeAll(theirs[:])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.state = "open"
		if tty[0] == nil {
			closeAll(ours[:])
		}
		return err
	}
	c.state, c.cmd, c.began = "running", cmd, time.Now()
	if tty[1] != nil {
		tty[1].Close()
		c.tty[1] = nil
	}
	for i, s := range c.std {
		s.begin(ours[i], tty[0] != nil)
	}
	go c.await()
	return nil
}

// connect gives a command its standard files. ours are our ends of the pipes, or the
// terminal's master with none for standard error; theirs are to close after the start.
func connect(cmd *exec.Cmd, tty [2]*os.File) (ours, theirs [3]*os.File, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tty[0] != nil {
		cmd.SysProcAttr.Setctty = true // of fd 0
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty[1], tty[1], tty[1]
		return [3]*os.File{tty[0], tty[0], nil}, theirs, nil
	}
	for i, our := range [3]int{1, 0, 0} {
		var p [2]int
		if err = unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			closeAll(ours[:])
			closeAll(theirs[:])
			return ours, theirs, err
		}
		unix.SetNonblock(p[our], true) // ours alone: the command's end is an ordinary pipe
		ours[i], theirs[i] = os.NewFile(uintptr(p[our]), "|"), os.NewFile(uintptr(p[1-our]), "|")
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	return ours, theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// await notes how the command ended, and leaves it a zombie for end.
func (c *conv) await() {
	pid := c.cmd.Process.Pid
	var info unix.Siginfo
	var ru unix.Rusage
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, &ru) == unix.EINTR {
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait.Pid = pid
	c.wait.User, c.wait.Sys, c.wait.Real = time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano()), time.Since(c.began)
	c.wait.Status = statusOf(&info)
	c.state = "ended"
	close(c.ended)
}

// end is the conversation's end: it lets go of all that there is.
func (c *conv) end() {
	c.starting.Lock()
	c.mu.Lock()
	kill, cmd, limited := c.kill, c.cmd, c.group
	closeAll(c.tty[:])
	c.mu.Unlock()
	c.starting.Unlock()
	for _, s := range c.std {
		s.shut()
	}
	if cmd == nil {
		if limited != nil {
			limited.close()
		}
		return
	}
	if !kill {
		go c.reap()
		return
	}
	group := -cmd.Process.Pid
	select {
	case <-c.ended:
	default:
		syscall.Kill(group, syscall.SIGHUP)
		syscall.Kill(group, syscall.SIGCONT) // a stopped one could not heed it
		grace := time.NewTimer(c.cfg.Grace)
		defer grace.Stop()
		select {
		case <-c.ended:
		case <-grace.C:
		}
	}
	syscall.Kill(group, syscall.SIGKILL)
	if limited != nil {
		limited.kill()
	}
	c.reap()
}

// reap takes the ended command away; from then on its pid may be another's.
func (c *conv) reap() {
	<-c.ended
	c.mu.Lock()
	c.state = "closed"
	limited := c.group
	c.mu.Unlock()
	c.cmd.Wait()
	if limited != nil {
		limited.close()
	}
}

// closeOnExec marks every descriptor of this process that it did not open itself,
// so that a command has no more than it was given.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	ents, _ := os.ReadDir("/proc/self/fd") // before Linux 5.11
	for _, e := range ents {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// unignore has the signals that this process was started with ignored (by nohup, or by
// a shell's &) caught and dropped instead, as an ignored one stays so in a command.
func unignore() {
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}
