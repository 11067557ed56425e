package rc

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A group is a process group that the programs of a shell are in. The first of
// them is its leader.
type group struct {
	pid      atomic.Int32
	starting sync.Mutex

	// With job control:
	terminal Terminal
	front    bool          // it is to have the terminal
	event    chan struct{} // of size 1: a program of it stopped, went on or ended
	mu       sync.Mutex
	live     map[int]syscall.Signal // its programs, and by what each is stopped
	over     bool                   // the job's last command has ended: others are still waited for
	outlive  map[int]bool           // the others
	taken    bool                   // the shell has the terminal
	left     Modes                  // how it was left for that
	killed   bool                   // one of those has died of ^C
}

func (sh *shell) newGroup() *group {
	g := &group{}
	if sh.control() {
		g.terminal = sh.r.hooks.Terminal
		g.event, g.live = make(chan struct{}, 1), map[int]syscall.Signal{}
	}
	return g
}

// get gives what a Command says.
func (g *group) get() int {
	if g == nil {
		return 0
	}
	if pid := int(g.pid.Load()); pid != 0 {
		return pid
	}
	return -1
}

// add makes a program that was started one of the group.
func (g *group) add(pid int) {
	first := g.pid.CompareAndSwap(0, int32(pid))
	if g.terminal == nil {
		return
	}
	if pgid, err := unix.Getpgid(pid); !first && err == nil && pgid == pid {
		// The group had gone with the last of its programs: this is another one.
		g.pid.Store(int32(pid))
		first = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	first = first || len(g.live) == 0
	g.live[pid] = 0
	if g.over {
		g.outlive[pid] = true
	}
	if first && g.front {
		g.terminal.Give(int(g.pid.Load()), nil)
		g.taken = false
	}
}

// unstick makes a program go on that ^Z stopped between fork and exec, as long as what it
// gives is not called: the thread that forked waits for it (vfork(2)). What was stopped
// is in the end.
func (g *group) unstick() (done func()) {
	const pause = 10 * time.Millisecond
	pid := int(g.pid.Load())
	if g.terminal == nil || pid == 0 {
		return func() {}
	}
	stuck := false
	quit, over := make(chan struct{}), make(chan struct{})
	t := time.NewTicker(pause)
	go func() {
		defer close(over)
		for {
			select {
			case <-quit:
				return
			case <-t.C:
			}
			var stopped unix.Siginfo
			err := unix.Waitid(unix.P_PGID, pid, &stopped, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
			if err == nil && stopped.Signo != 0 {
				stuck = true
				unix.Kill(-pid, unix.SIGCONT)
			}
		}
	}()
	return func() {
		t.Stop()
		close(quit)
		<-over
		if stuck {
			unix.Kill(-pid, unix.SIGTSTP)
		}
	}
}

// ended says that the job's last command has, and that those which are there yet will be
// what ^C is for.
func (g *group) ended() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.over, g.outlive = true, map[int]bool{}
	for pid := range g.live {
		if !dead(pid) {
			g.outlive[pid] = true
		}
	}
}

// dead tells whether a child has ended, waited for or not.
func dead(pid int) bool {
	var how unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &how, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || how.Signo != 0
}

// idle takes the terminal from a group without programs, so that ^C is the shell's: it
// runs what is left of the job.
func (g *group) idle() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.live) == 0 && !g.taken {
		g.taken, g.left = true, g.terminal.Take()
	}
}

// take is idle for a job that ended or was stopped. It tells how that left the terminal.
func (g *group) take() Modes {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.front = false
	if m := g.terminal.Take(); !g.taken {
		g.left = m
	}
	g.taken = true
	return g.left
}

// wait waits for a program, and notes its stops.
func (g *group) wait(p Process) string {
	pid, ok := p.(process)
	if g == nil || g.terminal == nil || !ok {
		return p.Wait()
	}
	for {
		status, stop, ended := pid.change(unix.WUNTRACED | unix.WCONTINUED)
		g.mu.Lock()
		if g.live[int(pid)] = stop; ended {
			delete(g.live, int(pid))
			g.killed = g.killed || status == interrupted && g.outlive[int(pid)]
		}
		g.mu.Unlock()
		select {
		case g.event <- struct{}{}:
		default:
		}
		if ended {
			return status
		}
	}
}

// stops tells how many programs run, how many are stopped, and a signal that one is
// stopped by.
func (g *group) stops() (running, stopped int, by syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, sig := range g.live {
		if sig == 0 {
			running++
			continue
		}
		stopped++
		if by == 0 || sig != unix.SIGTSTP {
			by = sig
		}
	}
	return running, stopped, by
}

// interrupted is the status of what ^C has ended.
const interrupted = "signal: interrupt"

// resume makes the programs go on.
func (g *group) resume() {
	g.mu.Lock()
	for pid := range g.live {
		g.live[pid] = 0
	}
	g.mu.Unlock()
	if pid := int(g.pid.Load()); pid > 0 {
		unix.Kill(-pid, unix.SIGCONT)
	}
}

// give makes the group have the terminal, as soon as it is there.
func (g *group) give(modes Modes) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.front = true
	if pid := int(g.pid.Load()); pid > 0 {
		g.terminal.Give(pid, modes)
		g.taken = false
	}
}
