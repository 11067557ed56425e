package rc

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// stamp gives the number and the time of a file, which the kernel does not answer from
// what it remembers.
func (sh *shell) stamp(name string) (ino uint64, mtime int64, err error) {
	fd := -1
	sh.place.do(func() { fd, err = sh.openFile(nil, name, unix.O_PATH, 0) })
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_INO|unix.STATX_MTIME, &st)
	return st.Ino, st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), err
}

// take makes a file's contents a variable or a function. One that is as it was stays.
func (sh *shell) take(g *envGroup, name string) {
	fd, err := -1, error(nil)
	sh.place.do(func() { fd, err = sh.openFile(nil, g.dir+"/"+name, unix.O_RDONLY, 0) })
	if err != nil {
		return
	}
	b, err := readAll(nil, fd)
	unix.Close(fd)
	if err != nil {
		return
	}
	text := string(b)
	if f, ok := strings.CutPrefix(name, fnPrefix); ok {
		if was := sh.fns.m[f]; was == nil || was.text() != text {
			sh.fns = sh.fns.own()
			sh.fns.m[f] = &fn{name: f, file: g.dir + "/" + name, source: text}
			sh.env = nil
		}
		return
	}
	var list []string
	if text != "" {
		list = strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
	}
	if !slices.Equal(list, sh.vars.m[name].list) {
		sh.put(name, list)
	}
}

// writeEnv writes a file, or removes it.
func (sh *shell) writeEnv(name string, c change) (err error) {
	var b []byte
	if c.fn != nil {
		b = []byte(c.fn.text())
	}
	n := 0
	for _, w := range c.list {
		n += len(w) + 1
	}
	b = slices.Grow(b, n)
	for _, w := range c.list {
		b = append(append(b, w...), 0)
	}
	sh.place.do(func() {
		if len(b) == 0 {
			if err = unix.Unlink(name); err == unix.ENOENT {
				err = nil
			}
			return
		}
		var fd int
		if fd, err = sh.openFile(nil, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o666); err != nil {
			return
		}
		err = writeAll(fd, b, nil)
		unix.Close(fd)
	})
	return err
}

// text gives a function as a file has it, a command that defines it.
func (f *fn) text() string {
	if f.source != "" {
		return f.source
	}
	_, body, _ := strings.Cut(f.export(), "=")
	return "fn " + syntax.Quote(f.name) + " " + body + "\n"
}
