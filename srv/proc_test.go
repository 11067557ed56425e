package srv

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestParseNote(t *testing.T) {
	for note, want := range map[string]syscall.Signal{
		"interrupt": syscall.SIGINT, "hangup\n": syscall.SIGHUP, "kill": syscall.SIGKILL, "alarm": syscall.SIGALRM,
		"sys: write on closed pipe pc=0x1": syscall.SIGPIPE, "SIGUSR1": syscall.SIGUSR1, "usr2": syscall.SIGUSR2,
		"sigwinch": syscall.SIGWINCH, "15": syscall.SIGTERM, "64": 64, "stop": syscall.SIGSTOP, "cont": syscall.SIGCONT,
		"sys: trap: fault read addr=0x0 pc=0x1": syscall.SIGSEGV,
	} {
		if sig, err := ParseNote(note); err != nil || sig != want {
			t.Errorf("%q: %v, %v; want %v", note, sig, err, want)
		}
	}
	for _, note := range []string{"", "0", "65", "-1", "nonsense", "SIG", "sys: trap", "interrupted"} {
		if sig, err := ParseNote(note); err == nil {
			t.Errorf("%q: %v, want an error", note, sig)
		}
	}
}

func TestNoteText(t *testing.T) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		text := NoteText(sig)
		if got, err := ParseNote(text); err != nil || got != sig {
			t.Errorf("%d: %q is %d, %v", sig, text, got, err)
		}
	}
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGINT: "interrupt", syscall.SIGHUP: "hangup", syscall.SIGPIPE: "sys: write on closed pipe", syscall.SIGUSR1: "SIGUSR1", 40: "40",
	} {
		if got := NoteText(sig); got != want {
			t.Errorf("%d: %q, want %q", sig, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	for want, ws := range map[string]syscall.WaitStatus{
		"": 0, "exit 1": 0x100, "exit 255": 0xff00, "signal 9 (killed)": 9, "signal 6 (aborted) core": 0x86,
		"signal 34 (signal 34)": 34,
	} {
		if s := StatusText(ws); s != want {
			t.Errorf("%#x: %q, want %q", uint32(ws), s, want)
		}
		if got, err := ParseStatus(want); err != nil || got != ws {
			t.Errorf("%q: %#x, %v; want %#x", want, uint32(got), err, uint32(ws))
		}
		w := WaitMsg{12, time.Second, time.Millisecond, time.Minute, want}
		if got, err := ParseWaitMsg(w.String() + "\n"); err != nil || got != w {
			t.Errorf("%q: %+v, %v", w, got, err)
		}
	}
	for _, s := range []string{"exit", "exit x", "exit 256", "exit 7 8", "signal 0", "signal 200", "unknown"} {
		if _, err := ParseStatus(s); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
	for _, s := range []string{"", "1 2 3 4", "x 2 3 4 ''", "1 2 3 4 'a", "1 2 x 4 ''"} {
		if _, err := ParseWaitMsg(s); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
}

func TestLinesKeepQuotedNewlines(t *testing.T) {
	got := slices.Collect(lines("a b\nexec sh -c 'x\ny ''z''\n'\n\nc"))
	want := []string{"a b", "exec sh -c 'x\ny ''z''\n'", "", "c"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
