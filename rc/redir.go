package rc

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// with runs do with redirections made.
func (sh *shell) with(rs []*syntax.Redir, do func() error) error {
	if len(rs) == 0 {
		return do()
	}
	before, held := sh.fds, len(sh.held)
	opened, err := sh.redirect(rs)
	if err == nil {
		err = do()
	}
	sh.letGo(held)
	sh.fds = before
	for _, f := range opened {
		f.release()
	}
	sh.r.settle() // it may have been a file of notes
	return err
}

// redirect makes redirections from left to right, and gives what was opened for
// them.
func (sh *shell) redirect(rs []*syntax.Redir) (opened []*file, err error) {
	for _, r := range rs {
		sh.locate(r.At)
		var f *file
		switch r.Op {
		case syntax.RedirClose:
		case syntax.RedirDup:
			if f = sh.fds.at(r.From); f == nil {
				continue // as Plan 9's: then there is nothing to make a copy of
			}
		case syntax.RedirHere:
			f, err = sh.here(r.Here)
		default:
			f, err = sh.openWord(r)
		}
		if err != nil {
			return opened, err
		}
		if f != nil && r.Op != syntax.RedirDup {
			opened = append(opened, f)
		}
		if r.Fd > maxFd {
			return opened, sh.fail("descriptor " + strconv.Itoa(int(r.Fd)) + ": " + because(unix.EBADF))
		}
		sh.fds = sh.fds.with(r.Fd, f)
	}
	return opened, nil
}

// maxFd is the highest descriptor that a script may name.
const maxFd = 1 << 16

// openWord opens the file of a redirection.
func (sh *shell) openWord(r *syntax.Redir) (*file, error) {
	var flag int
	arrow := "<"
	switch r.Op {
	case syntax.RedirRead:
		flag = unix.O_RDONLY
	case syntax.RedirReadWrite:
		arrow, flag = "<>", unix.O_RDWR
	case syntax.RedirWrite:
		arrow, flag = ">", unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC
	case syntax.RedirAppend:
		arrow, flag = ">>", unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND
	}
	names, err := sh.globbed(r.Word)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0:
		return nil, sh.fail(arrow + " requires file")
	case len(names) > 1:
		return nil, sh.fail(arrow + " requires singleton")
	}
	fd, err := sh.open(names[0], flag, 0o666)
	if err != nil {
		return nil, sh.fail(names[0] + ": can't open: " + because(err))
	}
	return newFile(fd), nil
}

// open opens a file by its name in the script, where those of descriptors are of
// its own.
func (sh *shell) open(name string, flag int, perm uint32) (int, error) {
	if n, ok := descriptor(name); ok {
		f := sh.fds.at(n)
		if f == nil {
			return -1, unix.EBADF
		}
		fd, err := f.number()
		if err != nil {
			return -1, err
		}
		own, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flag&^unix.O_CREAT|unix.O_CLOEXEC, 0)
		if err != nil {
			// A socket can't be opened, nor anything where there is no /proc.
			own, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		}
		return own, err
	}
	if sh.umask >= 0 {
		perm &^= uint32(sh.umask)
	}
	name = sh.path(name)
	return patient(sh, func(left *gone) (int, error) { return sh.openFile(left, name, flag, perm) }, closed)
}

// descriptor gives the number that a name of a process's own descriptor has.
func descriptor(name string) (int32, bool) {
	if s, ok := strings.CutPrefix(name, "#d/"); ok {
		name = "/dev/fd/" + s
	}
	if !strings.HasPrefix(name, "/dev/") {
		return 0, false
	}
	switch name {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	s, ok := strings.CutPrefix(name, "/dev/fd/")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return int32(n), err == nil
}

// here gives a file with a here document.
func (sh *shell) here(h *syntax.Here) (*file, error) {
	var b []byte
	for _, p := range h.Parts {
		b = append(b, p.Text...)
		if p.Var != "" {
			b = append(b, strings.Join(sh.lookup(p.Var), " ")...)
		}
	}
	// What a pipe has room for goes there: others get it in memory.
	if len(b) <= 4096 {
		r, w, err := pipe()
		if err != nil {
			return nil, sh.failed("here document", err)
		}
		err = writeAll(w, b, nil)
		unix.Close(w)
		if err == nil {
			return newFile(r), nil
		}
		unix.Close(r)
		return nil, sh.failed("here document", err)
	}
	fd, err := unix.MemfdCreate("here", unix.MFD_CLOEXEC)
	if err == nil {
		if err = writeAll(fd, b, nil); err == nil {
			_, err = unix.Seek(fd, 0, 0)
		}
	}
	if err != nil {
		return nil, sh.failed("here document", err)
	}
	return newFile(fd), nil
}
