package ns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Entry is what a process does to enter a new group and become a program.
type Entry struct {
	Control *os.File // to the engine; nil: Rfork does it
	Rfork   Rfork    // what to do to the group that the process is in
	Sources []Source // lines that build it
	Dir     string   // working directory, which must be there; "": the present one, or / where it is not
	Args    []string // the program and its arguments
	Argv0   string   // its name for itself; "": Args[0]
	Stderr  *os.File // where lines that may fail and do are told
}

// Enter does it. It returns only with an error, and then the process is of no
// further use: it may be in the new name space already.
func (e *Entry) Enter() error {
	runtime.LockOSThread() // the name space is the thread's, and exec takes this one
	if err := e.join(); err != nil {
		return err
	}
	cd, err := e.build()
	if err != nil {
		return err
	}
	switch {
	case e.Dir != "":
		if err := os.Chdir(e.Dir); err != nil {
			return fmt.Errorf("%s: %w", e.Dir, bare(err))
		}
	case cd.Old != "":
		if err := os.Chdir(cd.Old); err != nil {
			return fmt.Errorf("%s: cd %s: %w", cd.Place, cd.Old, bare(err))
		}
	}
	return e.exec()
}

// RforkThread makes the calling thread, which is locked and shares its working
// directory with no other, one of a new group, or with m alone one that mounts no more.
// Another thread has to join its mount namespace first and then call follow.
func RforkThread(r Rfork) (follow func() error, err error) {
	e := Entry{Rfork: r}
	if err := e.join(); err != nil {
		return nil, err
	}
	follow = func() error { return nil }
	if r&RFNOMNT != 0 {
		follow = dropMount
	}
	return follow, follow()
}

// join makes the process one of the group, in the same directory or the root.
func (e *Entry) join() error {
	if e.Control == nil && !Inside() {
		return errNoCtl
	}
	if e.Control == nil && e.Rfork&(RFNAMEG|RFCNAMEG) == 0 {
		if e.Rfork.env() != envShare {
			if err := e.joinEnv(); err != nil {
				return err
			}
		}
		if rest := e.Rfork &^ (RFENVG | RFCENVG); rest != 0 {
			return ctl(context.Background(), "rfork "+rest.String())
		}
		return nil
	}
	dir, _ := os.Getwd()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		if e.Control == nil && !capable(unix.CAP_SYS_ADMIN) {
			return fmt.Errorf("new mount namespace: %w", ErrNoMount)
		}
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := e.attach(); err != nil {
		return err
	}
	if err := pivot("/proc"); err != nil {
		return err
	}
	if err := shareMounts(); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		os.Chdir("/")
	}
	return nil
}

// attach has the engine attach the new group's tree at /proc.
func (e *Entry) attach() error {
	if e.Control == nil {
		return ctl(context.Background(), "rfork "+e.Rfork.String())
	}
	_, err := unix.Write(int(e.Control.Fd()), fmt.Appendf(nil, "attach %d", unix.Gettid()))
	if err == nil {
		err = answer(e.Control)
	}
	if err != nil {
		return fmt.Errorf("nsd: %w", err)
	}
	return nil
}

// pivot makes what is mounted at dir the root and lets the old one go.
func pivot(dir string) error {
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	err := unix.PivotRoot(".", ".")
	if err == unix.EINVAL {
		return moveRoot() // an initramfs cannot be let go
	}
	if err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	// The old root lies over the new one now.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("old root: %w", err)
	}
	return unix.Chdir("/")
}

// moveRoot makes what is mounted at the working directory the root by moving it over
// the present one.
func moveRoot() error {
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return unix.Chdir("/")
}

// build applies the lines. It gives the last cd.
func (e *Entry) build() (cd Op, err error) {
	var ops []Op
	for _, src := range e.Sources {
		o, err := ParseText(src.Text, src.Name)
		if err != nil {
			return cd, err
		}
		ops = append(ops, o...)
	}
	if len(ops) == 0 {
		return cd, nil
	}
	c, err := openCtl()
	if err != nil {
		return cd, err
	}
	defer c.close()
	cwd := "/"
	for _, op := range ops {
		op.Old = Abs(cwd, op.Old)
		if op.Verb == "bind" {
			op.New = Abs(cwd, op.New)
		}
		if op.Verb == "cd" {
			cd, cwd = op, op.Old
			continue
		}
		msg := op.String()
		errno := c.write(context.Background(), msg)
		switch {
		case errno == 0:
		case op.Optional && strings.HasPrefix(op.New, "#s/") && errno == unix.ENOENT:
			// Not posted: what an optional mount is for.
		case op.Optional:
			fmt.Fprintf(e.Stderr, "newns: %s: %v\n", op.Place, c.why(msg, errno))
		default:
			return cd, fmt.Errorf("%s: %w", op.Place, c.why(msg, errno))
		}
	}
	return cd, nil
}

// bashBind is bind as bash has to be told: its builtin of that name, for key
// bindings, would come before any file. Its own forms still reach it.
const bashBind = `() { if [[ $# -ge 2 && $1 != -[!abcC]* ]]; then ` + Bin + `/bind "$@"; else builtin bind "$@"; fi; }`

// exec becomes the program.
func (e *Entry) exec() error {
	if e.Control != nil {
		unix.CloseOnExec(int(e.Control.Fd()))
	}
	if err := dropTrace(); err != nil {
		return err
	}
	if e.Rfork&RFNOMNT != 0 {
		if err := dropMount(); err != nil {
			return err
		}
	}
	if e.Rfork&RFCENVG != 0 {
		os.Clearenv()
		os.Setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
	}
	if p := os.Getenv("PATH"); p != Bin && !strings.HasPrefix(p, Bin+":") {
		os.Setenv("PATH", strings.TrimSuffix(Bin+":"+p, ":"))
	}
	os.Setenv("BASH_FUNC_bind%%", bashBind)
	name := e.Args[0]
	file, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		if file, err = filepath.Abs(file); err == nil {
			argv := append([]string{name}, e.Args[1:]...)
			if e.Argv0 != "" {
				argv[0] = e.Argv0
			}
			err = syscall.Exec(file, argv, os.Environ())
		}
	}
	code := 126
	if errors.Is(err, exec.ErrNotFound) {
		code, err = 127, errors.New("command not found")
	} else if errors.Is(err, fs.ErrNotExist) {
		code = 127
	}
	if sh := os.Getenv("SHELL"); sh == name || strings.HasPrefix(sh, name+" ") {
		name = "$SHELL: " + name // which up, newns and rfork run where no command is given
	}
	return &ExitError{code, fmt.Errorf("%s: %w", name, last(err))}
}

// last gives an error without the names that exec and os put before it.
func last(err error) error {
	var ee *exec.Error
	if errors.As(err, &ee) {
		err = ee.Err
	}
	return bare(err)
}

// Inside tells whether the process is in a name space.
func Inside() bool {
	var st unix.Statfs_t
	return unix.Statfs(ctlName, &st) == nil && st.Type == unix.FUSE_SUPER_MAGIC
}

// Do applies a line to the name space of the calling process. Its names must be
// absolute. A mount waits for the person whom factotum may ask for a key: it is given up
// when ctx has ended and the calling thread is sent a signal.
func Do(ctx context.Context, op Op) error {
	if err := op.Auth.check(); err != nil {
		return err
	}
	return ctl(ctx, op.String())
}
