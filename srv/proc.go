package srv

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// What the servers that have processes say of them, and what their clients read.

// notes are Plan 9's notes, notify(2), and the signals that they stand for. The first
// text of a signal is the one that NoteText gives.
var notes = []struct {
	text string
	sig  syscall.Signal
}{
	{"interrupt", syscall.SIGINT}, {"hangup", syscall.SIGHUP}, {"kill", syscall.SIGKILL}, {"alarm", syscall.SIGALRM},
	{"term", syscall.SIGTERM}, {"quit", syscall.SIGQUIT}, {"stop", syscall.SIGSTOP}, {"cont", syscall.SIGCONT},
	{"sys: write on closed pipe", syscall.SIGPIPE}, {"sys: breakpoint", syscall.SIGTRAP}, {"sys: abort", syscall.SIGABRT},
	{"sys: trap: fault", syscall.SIGSEGV}, {"sys: trap: bus error", syscall.SIGBUS}, {"sys: trap: illegal instruction", syscall.SIGILL},
	{"sys: fp", syscall.SIGFPE}, {"sys: bad sys call", syscall.SIGSYS}, {"sys: child", syscall.SIGCHLD},
	{"sys: window size change", syscall.SIGWINCH},
}

// ParseNote gives the signal that a note stands for: one of Plan 9's (interrupt,
// hangup, kill, alarm, and "sys: write on closed pipe" or another that the system
// gives, with whatever follows), term, quit, stop, cont, a signal's name with or
// without SIG in either case, or its number.
func ParseNote(note string) (syscall.Signal, error) {
	note = strings.TrimSpace(note)
	for _, n := range notes {
		if note == n.text || strings.HasPrefix(n.text, "sys:") && strings.HasPrefix(note, n.text) {
			return n.sig, nil
		}
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(note), "SIG")); sig != 0 {
		return sig, nil
	}
	if n, err := strconv.Atoi(note); err == nil && 1 <= n && n <= 64 {
		return syscall.Signal(n), nil
	}
	return 0, p9.NewError(syscall.EINVAL, "unknown note "+Quote(note))
}

// NoteText gives the note that a signal is, from which ParseNote has it again: Plan
// 9's, or the signal's name or number.
func NoteText(sig syscall.Signal) string {
	for _, n := range notes {
		if n.sig == sig {
			return n.text
		}
	}
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return strconv.Itoa(int(sig))
}

// A WaitMsg is how a process ended, as wait(2) has it.
type WaitMsg struct {
	Pid             int
	User, Sys, Real time.Duration // to the millisecond; with the children that it waited for
	Status          string        // StatusText's, or "unknown"
}

// String gives the line that await(2) reads, without a newline: pid, times in
// ms and the quoted status.
func (w WaitMsg) String() string {
	return fmt.Sprintf("%d %d %d %d %s", w.Pid, w.User.Milliseconds(), w.Sys.Milliseconds(), w.Real.Milliseconds(), Quote(w.Status))
}

// ParseWaitMsg reads a WaitMsg's line.
func ParseWaitMsg(line string) (w WaitMsg, err error) {
	bad := fmt.Errorf("bad wait message %q: %w", line, p9.ErrorOfText("Invalid argument"))
	f, err := Fields(strings.TrimSuffix(line, "\n"))
	if err != nil || len(f) != 5 {
		return w, bad
	}
	if w.Pid, err = strconv.Atoi(f[0]); err != nil {
		return w, bad
	}
	for i, d := range []*time.Duration{&w.User, &w.Sys, &w.Real} {
		ms, err := strconv.ParseInt(f[i+1], 10, 64)
		if err != nil {
			return w, bad
		}
		*d = time.Duration(ms) * time.Millisecond
	}
	w.Status = f[4]
	return w, nil
}

// StatusText gives the words for how a process ended: none for success, else
// "exit 7", "signal 9 (killed)" or "signal 6 (aborted) core".
func StatusText(ws syscall.WaitStatus) string {
	switch {
	case ws.Signaled():
		s := fmt.Sprintf("signal %d (%v)", int(ws.Signal()), ws.Signal())
		if ws.CoreDump() {
			s += " core"
		}
		return s
	case ws.ExitStatus() != 0:
		return fmt.Sprintf("exit %d", ws.ExitStatus())
	}
	return ""
}

// ParseStatus gives back what StatusText wrote.
func ParseStatus(s string) (syscall.WaitStatus, error) {
	if s == "" {
		return 0, nil
	}
	f := strings.Fields(s)
	if len(f) >= 2 {
		n, err := strconv.ParseUint(f[1], 10, 8)
		switch {
		case err != nil:
		case f[0] == "exit" && len(f) == 2:
			return syscall.WaitStatus(n << 8), nil
		case f[0] == "signal" && 0 < n && n < 0x7f:
			if f[len(f)-1] == "core" {
				n |= 0x80
			}
			return syscall.WaitStatus(n), nil
		}
	}
	return 0, fmt.Errorf("bad status %q: %w", s, p9.ErrorOfText("Invalid argument"))
}
