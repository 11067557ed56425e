package rc

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// Note tells the interpreter of a note, by the name of the function that a
// script may have for it: sigint, sighup, sigterm and so on. It is acted on
// before the next command: by the function if there is one. Otherwise sigint and
// sigquit end the commands up to where a person types, subshells with them, and
// where nobody does the script, as every other one does.
func (r *Runner) Note(name string) {
	r.mu.Lock()
	r.pending = append(r.pending, name)
	if name == "sigint" || name == "sigquit" {
		r.interrupts.Add(1)
	}
	r.mu.Unlock()
	r.events.Add(1)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	if fd := r.alarm.Load(); fd > 0 {
		unix.Write(int(fd), []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// hangup makes a note of it that the terminal where a person types has gone, once. The kernel
// tells only the session's leader and the job in the foreground, of which the shell is neither
// where its own part of a job waits for a server. Subshells end by it as by an interrupt.
func (r *Runner) hangup() {
	if t := r.hooks.Terminal; t != nil && t.Gone() && r.gone.CompareAndSwap(false, true) {
		r.Note("sighup")
		r.interrupts.Add(1)
	}
}

// interrupting tells whether there is an interrupt that has not been acted on.
func (r *Runner) interrupting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.pending, "sigint")
}

// interrupted waits until there is something to read, and tells whether there was an
// interrupt before, other than the number seen.
func (r *Runner) interrupted(fd int, seen uint32) bool {
	if r.alarm.Load() == 0 {
		alarm, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			return false
		}
		r.alarm.Store(int32(alarm))
	}
	alarm := r.alarm.Load()
	for r.interrupts.Load() == seen {
		polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: alarm, Events: unix.POLLIN}}
		if _, err := unix.Poll(polls, -1); err != nil && err != unix.EINTR {
			return false
		}
		if polls[0].Revents != 0 {
			return false
		}
		if polls[1].Revents != 0 {
			var b [8]byte
			unix.Read(int(alarm), b[:])
		}
	}
	return true
}

// settle sees to it that the next command comes behind the notes which have been sent.
func (r *Runner) settle() {
	if r.caught.Load() > 0 && r.hooks.Settle != nil {
		r.hooks.Settle()
	}
}

// reaped is settle for the end of a program. Where a person types, what it has died of may
// be ^C, of which the shell learns by what it waits for in the foreground.
func (r *Runner) reaped(status string) {
	r.settle()
	if status != interrupted || !r.typed.Load() {
		return
	}
	const patience = 200 * time.Millisecond
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-r.wake:
	case <-t.C:
	}
}

// isNote tells whether a function of that name is called for a note.
func isNote(name string) bool { return strings.HasPrefix(name, "sig") && name != "sigexit" }

// catch tells the embedding program which notes the script has functions for.
func (r *Runner) catch(name string, wanted bool) {
	if name == "sigint" {
		r.handled.Store(wanted)
	}
	if !isNote(name) {
		return
	}
	if wanted {
		r.caught.Add(1)
	} else {
		r.caught.Add(-1)
	}
	if r.hooks.Catch != nil {
		r.hooks.Catch(name, wanted)
	}
}

// notes looks at what has happened since the shell last did.
func (sh *shell) notes() error {
	seen := sh.r.events.Load()
	sh.seen = seen
	if sh.r.stopped.Load() {
		return errExit
	}
	if sh.expired != nil && sh.expired.Load() {
		return errExit
	}
	if !sh.main {
		n := sh.r.interrupts.Load()
		if n != sh.interrupts && !sh.r.handled.Load() || sh.r.gone.Load() {
			sh.setStatus("interrupt")
			return errExit
		}
		sh.interrupts = n
		return nil
	}
	r := sh.r
	for {
		r.mu.Lock()
		if len(r.pending) == 0 {
			r.mu.Unlock()
			return nil
		}
		name := r.pending[0]
		r.pending = r.pending[1:]
		r.mu.Unlock()
		if err := sh.note(name); err != nil {
			return err
		}
	}
}

func (sh *shell) note(name string) error {
	sh.interrupts = sh.r.interrupts.Load() // from here on others are new
	if f := sh.fns.m[name]; f != nil {
		status := sh.status
		err := sh.call(f, sh.star)
		if err == nil {
			sh.status = status
		}
		return err
	}
	if sh.interactive > 0 {
		switch name {
		case "sigterm":
			return nil // a person has exit
		case "sigint", "sigquit":
			if sh.r.hooks.Terminal != nil {
				sh.tell("") // behind the ^C
			}
			sh.setStatus("interrupt")
			return errAbort
		}
	}
	sh.setStatus("signal: " + strings.TrimPrefix(name, "sig"))
	return errAbort
}

// forget drops the interrupts that came while a person typed: they were about what
// was typed.
func (sh *shell) forget() {
	r := sh.r
	r.mu.Lock()
	r.pending = slices.DeleteFunc(r.pending, func(name string) bool {
		return (name == "sigint" || name == "sigquit") && sh.fns.m[name] == nil
	})
	sh.interrupts = r.interrupts.Load()
	r.mu.Unlock()
}

// exit ends the shell. The main one runs sigexit, once, and what it says is where
// it was ended.
func (sh *shell) exit() error {
	sh.goodbye()
	return errExit
}

func (sh *shell) goodbye() {
	f := sh.fns.m["sigexit"]
	if f == nil || !sh.main || sh.parted {
		return
	}
	sh.parted = true
	status, star := sh.status, sh.star
	if sh.call(f, star) != errExit {
		sh.status = status
	}
}

// evalText runs the text of a builtin's argument as commands.
func (sh *shell) evalText(name, text string) error {
	if sh.depth++; sh.depth > maxDepth {
		sh.depth--
		return sh.fail("eval nested too deep")
	}
	file, line, eflag, eline, quiet := sh.file, sh.line, sh.eflag, sh.eline, sh.quiet
	sh.file, sh.quiet = name, false // what rcmain evaluates is -c's
	err := sh.commands(syntax.NewParser(name, syntax.Text(text)))
	sh.file, sh.line, sh.eflag, sh.eline, sh.quiet = file, line, eflag, eline, quiet
	sh.depth--
	return err
}
