package cpud

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns"
)

// sessions are those that run. A child that is none of them was left behind by one
// that was killed.
type sessions struct {
	mu    sync.Mutex
	runs  map[int]*exec.Cmd
	tried map[int]time.Time // since when what was left behind, and is there still, is being killed
}

// start starts a session. It has one end of a pipe, by which we hear when it is killed.
func (ss *sessions) start(cmd *exec.Cmd) error {
	alive, held, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, held)
	cmd.Args = append(cmd.Args, "-e", strconv.Itoa(2+len(cmd.ExtraFiles)))
	uid := os.Geteuid()
	if a := cmd.SysProcAttr; a != nil && a.Credential != nil {
		uid = int(a.Credential.Uid)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if err := cmd.Start(); err != nil {
		alive.Close()
		return err
	}
	if ss.runs == nil {
		ss.runs = map[int]*exec.Cmd{}
	}
	ss.runs[cmd.Process.Pid] = cmd
	delete(ss.tried, cmd.Process.Pid) // which was another's
	go ns.Guard(alive, uid)
	return nil
}

// reapLimit is how long the ends of sessions wait for what was left behind: what can't be killed, as
// it is held up in the kernel, is tried again when another session ends, which does not wait for it.
// It is a variable for the tests.
var reapLimit = 5 * time.Second

// kill is ns.Kill. It is a variable for the tests.
var kill = ns.Kill

// wait waits for a session's end and ends what it left behind. Others may begin and end meanwhile.
func (ss *sessions) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	ss.mu.Lock()
	if pid := cmd.Process.Pid; ss.runs[pid] == cmd { // and not another one by now
		delete(ss.runs, pid)
	}
	ss.mu.Unlock()
	for end := time.Now().Add(reapLimit); ss.reap() && time.Now().Before(end); {
		unix.Poll(nil, 2) // nothing wakes us when a descendant of anybody's becomes ours
	}
	return err
}

// reap kills what no session is, and tells whether there was any that may yet end.
func (ss *sessions) reap() (left bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	now := time.Now()
	tried := map[int]time.Time{}
	kill(func(pid int) bool {
		if ss.runs[pid] != nil {
			return true
		}
		since, ok := ss.tried[pid]
		if !ok {
			since = now
		}
		tried[pid] = since
		left = left || now.Sub(since) < reapLimit
		return false
	})
	ss.tried = tried
	return left
}
