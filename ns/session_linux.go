package ns

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// Options are how a session's engine is started.
type Options struct {
	Stderr  *os.File // where the engine's own troubles are told; nil: nowhere
	NoGraft bool     // let the engine serve the host's tree, but for /proc, /sys and /dev
	V9fs    bool     // have servers mounted by the kernel's 9P client, where it has one and lets this user
	Exe     string   // the program nine; "" for the one that runs
}

// A Session is a running engine, the process nsd or a part of this one, with the groups of
// one login, one `up`, one remote command. It ends with its Close or with this process.
type Session struct {
	exe     string
	cmd     *exec.Cmd // nil: the engine is here
	dev     uint64    // then: of its file system
	rest    func()    // then: Rest
	mu      sync.Mutex
	control *os.File
	lent    []*os.File // to commands that are about to start
	done    chan struct{}
	err     error
}

// Start starts an engine. The calling process must be able to mount: see
// Privileged.
func Start(o Options) (*Session, error) {
	exe := o.Exe
	if exe == "" {
		exe = "/proc/self/exe"
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("nsd: %w", err)
	}
	cmd := exec.Command(exe)
	cmd.Args = []string{"nine", "nsd", "-e", "3"}
	alive, held, err := os.Pipe()
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, fmt.Errorf("nsd: %w", err)
	}
	cmd.ExtraFiles = []*os.File{theirs, held}
	if o.NoGraft {
		cmd.Args = append(cmd.Args, "-G")
	}
	if o.V9fs {
		cmd.Args = append(cmd.Args, "-9")
	}
	if o.Stderr != nil {
		cmd.Stderr = o.Stderr
	}
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "NAMESPACE="+p9.Namespace())
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Setpgid: true} // ^C is not for it
	err = cmd.Start()
	theirs.Close()
	held.Close()
	if err != nil {
		ours.Close()
		alive.Close()
		return nil, fmt.Errorf("nsd: %w", bare(err))
	}
	s := &Session{exe: exe, cmd: cmd, control: ours, done: make(chan struct{})}
	go func() {
		s.err = cmd.Wait()
		close(s.done)
	}()
	if err := answer(ours); err != nil {
		alive.Close()
		s.Close()
		return nil, fmt.Errorf("nsd: %w", err)
	}
	s.guard(alive)
	return s, nil
}

// socketpair makes a connection of messages, closed on exec.
func socketpair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}

// answer reads the engine's "ok" or error from a control connection.
func answer(control *os.File) error {
	buf := make([]byte, 8192)
	n := 0
	for {
		var err error
		if n, err = unix.Read(int(control.Fd()), buf); err == nil {
			break
		} else if err != unix.EINTR {
			return fmt.Errorf("control connection: %w", err)
		}
	}
	switch text := string(buf[:max(n, 0)]); text {
	case "ok":
		return nil
	case "":
		return errors.New("ended before it answered")
	default:
		return errors.New(text)
	}
}

// Rest has an engine in this process give back the memory and the threads that it keeps for what
// is asked next. It is for who has not heard of anybody for a while.
func (s *Session) Rest() {
	if s.rest != nil {
		s.rest()
	}
}

// Done is closed when the engine has ended. Every file of its name spaces then
// answers an error, but for the host's own.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close ends the engine and waits for its end. Processes that are still in one
// of its name spaces lose all of them but the host's directories.
func (s *Session) Close() error {
	s.mu.Lock()
	s.control.Close()
	for _, f := range s.lent {
		f.Close()
	}
	s.lent = nil
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		if s.cmd != nil {
			s.cmd.Process.Kill()
			<-s.done
		}
	}
	return nil
}

// Command makes cmd, which must not have been started, a command that runs in a
// name space of its own, a new group of the session: cmd.Args[0], found through
// the PATH inside, with the working directory cmd.Dir inside. The sources, one
// after the other, build the name space; a line that cannot be applied ends it,
// unless it is optional.
//
// The command is started, waited for and signalled as any other: its process
// first enters the name space and then becomes the program, so that exit status,
// signals, terminal and descriptors are the program's own. What goes wrong before
// is one line on its standard error and exit status 1; 127 says that the program
// was not found and 126 that it cannot be run.
func (s *Session) Command(cmd *exec.Cmd, sources ...Source) error {
	ours, theirs, err := socketpair()
	if err != nil {
		return err
	}
	defer ours.Close()
	files := []*os.File{theirs}
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
		}
	}()
	for _, src := range sources {
		f, err := MemFile(src.Name, src.Text)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = unix.Sendmsg(int(s.control.Fd()), []byte("conn"), unix.UnixRights(int(ours.Fd())), nil, unix.MSG_NOSIGNAL)
	if err == nil {
		err = answer(s.control)
	}
	if err != nil {
		return fmt.Errorf("nsd: %w", err)
	}
	s.lent = append(s.lent, files...)
	if len(cmd.Args) == 0 {
		cmd.Args = []string{cmd.Path}
	}
	args := []string{"nine", "newns", "-e", add(cmd, theirs)}
	for i, src := range sources {
		args = append(args, "-s", src.Name, "-i", add(cmd, files[1+i]))
	}
	if cmd.Dir != "" {
		args = append(args, "-d", cmd.Dir)
	}
	if a0 := cmd.Args[0]; filepath.Base(a0) != filepath.Base(cmd.Path) { // a login shell's, say
		args = append(append(args, "-a", a0, "--", cmd.Path), cmd.Args[1:]...)
	} else {
		args = append(append(args, "--"), cmd.Args...)
	}
	cmd.Path, cmd.Args, cmd.Dir, cmd.Err = s.exe, args, "", nil
	return nil
}

// add gives cmd a further descriptor and tells its number.
func add(cmd *exec.Cmd, f *os.File) string {
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	return strconv.Itoa(2 + len(cmd.ExtraFiles))
}

// MemFile makes a file in memory with a text, to be read from its start.
func MemFile(name, text string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

//go:embed lib/namespace
var standard string

// A Source is lines of namespace(6) and what errors call the file of them.
type Source struct{ Name, Text string }

// File gives the namespace file that a session is built from: the one called
// file or, for "", $HOME/lib/namespace where there is one, else ninespace's own.
func File(file string) (Source, error) {
	if file == "" {
		file = os.ExpandEnv("$HOME/lib/namespace")
		b, err := os.ReadFile(file)
		switch {
		case err == nil:
			return Source{file, string(b)}, nil
		case errors.Is(err, os.ErrNotExist) || strings.HasPrefix(file, "/lib/"):
			return Source{"lib/namespace", standard}, nil
		}
		return Source{}, fmt.Errorf("%s: %w", file, bare(err))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", file, bare(err))
	}
	return Source{file, string(b)}, nil
}
