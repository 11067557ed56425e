package ns

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A looker is a process that has a file open, and in memory.
type looker struct {
	pid int
	in  io.Writer
	out *bufio.Reader
}

// looker starts one on a file in /n/x, open in a mode.
func (m *mounted) looker(t *testing.T, file string, mode int) *looker {
	t.Helper()
	cmd := m.command("/n/x", `exec "$TEST"`)
	cmd.Env = append(os.Environ(), mappedEnv+"=look", "TEST="+os.Args[0], "NINE_TEST_FILE="+file, "NINE_TEST_MODE="+strconv.Itoa(mode))
	cmd.Stderr = os.Stderr
	in, out := startPiped(t, cmd)
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error("looker: ", err)
		}
	})
	l := &looker{cmd.Process.Pid, in, out}
	l.look(t, "look")
	return l
}

// startPiped starts a command, and gives its input and its output.
func startPiped(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, *bufio.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return in, bufio.NewReader(out)
}

// look has it tell what it sees, after it has got a lock or just so.
func (l *looker) look(t *testing.T, how string) string {
	t.Helper()
	l.ask(how)
	return l.told(t)
}

// ask has it begin to.
func (l *looker) ask(how string) { fmt.Fprintln(l.in, how) }

// told is what it says then.
func (l *looker) told(t *testing.T) string {
	t.Helper()
	s, err := l.out.ReadString('\n')
	if err != nil {
		t.Fatal("looker: ", err)
	}
	return strings.TrimSpace(s)
}

const lookMost = 8 * 4096

// mappedLook is the looker.
func mappedLook() error {
	debug.SetPanicOnFault(true)
	mode, err := strconv.Atoi(os.Getenv("NINE_TEST_MODE"))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(os.Getenv("NINE_TEST_FILE"), mode, 0)
	if err != nil {
		return err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, lookMost, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		unlock, err := lockBy(f, in.Text(), unix.F_RDLCK, 0, 0)
		if err != nil {
			return err
		}
		fmt.Println(seen(f, mem))
		if err := unlock(); err != nil {
			return err
		}
	}
	return nil
}

// seen tells of some bytes that were there before, of the whole file, and of the memory.
func seen(f *os.File, mem []byte) string {
	var parts [2][100]byte
	n0, _ := f.ReadAt(parts[0][:], 100)
	n1, _ := f.ReadAt(parts[1][:], 4096+100)
	whole := make([]byte, lookMost)
	n, err := f.ReadAt(whole, 0)
	if err != nil && err != io.EOF {
		return err.Error()
	}
	return seenAs(whole[:n], parts[0][:n0], parts[1][:n1], mem[:n])
}

func seenAs(whole, first, second, mem []byte) string {
	return fmt.Sprintf("%s / %s / %s / %s", runs(first), runs(second), runs(whole), runs(mem))
}

// wantSeen is what seen should tell of a file.
func wantSeen(b []byte) string {
	part := func(at int) []byte { return b[min(at, len(b)):min(at+100, len(b))] }
	return seenAs(b, part(100), part(4096+100), b)
}

// runs writes bytes briefly.
func runs(b []byte) string {
	var s []string
	for i := 0; i < len(b); {
		n := len(b[i:]) - len(bytes.TrimLeft(b[i:], string(b[i:i+1])))
		s = append(s, fmt.Sprintf("%d%q", n, b[i]))
		i += n
	}
	return strings.Join(s, " ")
}

// lockBy gets a lock of some bytes of a file by one of Linux's ways, of all of it by flock, or
// of none.
func lockBy(f *os.File, how string, typ int16, start, length int64) (unlock func() error, err error) {
	fd := f.Fd()
	cmd := unix.F_SETLKW
	switch how {
	case "flock":
		l := unix.LOCK_SH
		if typ == unix.F_WRLCK {
			l = unix.LOCK_EX
		}
		return func() error { return unix.Flock(int(fd), unix.LOCK_UN) }, unix.Flock(int(fd), l)
	case "ofd":
		cmd = unix.F_OFD_SETLKW
	case "try":
		cmd = unix.F_SETLK
	case "fcntl":
	default:
		return func() error { return nil }, nil
	}
	set := func(cmd int, typ int16) error {
		return unix.FcntlFlock(fd, cmd, &unix.Flock_t{Type: typ, Start: start, Len: length})
	}
	for err = set(cmd, typ); errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR); err = set(cmd, typ) {
		time.Sleep(100 * time.Microsecond)
	}
	return func() error { return set(cmd, unix.F_UNLCK) }, err
}

// fillBy gives the shell's words that write n bytes of c at an offset.
func fillBy(n, at int, c byte) string {
	return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' %c | dd of=f bs=64k iflag=fullblock oflag=seek_bytes seek=%d conv=notrunc 2>/dev/null", n, c, at)
}
