package rc

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// An envGroup is a directory of variables that programs share, as env(3) has it: a
// list is its words with a NUL after each, a function f is fn#f. A shell writes what has
// changed there when it starts a program; local variables and those of subshells
// are only in the program's own environment.
//
// What an rc begins with is what it was given in its environment, but for files that are
// newer: markName there tells what the directory was like when an rc gave it. So to
// start costs no more than to look whether anything is new.
type envGroup struct {
	dir string

	writing sync.Mutex // held while files are written, so that who starts a program finds them

	mu     sync.Mutex
	ino    uint64
	seen   int64             // the directory's time when the shell last knew all of it
	dirty  map[string]change // what is to be written, by file
	theirs map[string]bool   // what others have written that the shell has not taken

	// Only the shell's that the group belongs to.
	base   int64            // its time when the shell came
	looked int64            // its time at the last refresh
	known  map[string]int64 // times of the files then; nil: there was none
}

// A change is a variable's new list or a function; nothing, where it was removed.
type change struct {
	list []string
	fn   *fn
}

// private tells of names that are about one shell and no file's.
func private(name string) bool {
	switch name {
	case "", "*", "0", "status", "pid", "apid", "rcname", "cflag", "ifs", markName, ".", "..":
		return true
	}
	return strings.HasPrefix(name, fnPrefix+"sig") || len(name) > 255 || strings.IndexByte(name, '/') >= 0
}

// setting tells of variables that a shell goes by: it writes them but takes them from
// nobody, who might have set them for a script of its own.
func setting(name string) bool {
	switch name {
	case "path", "PATH", "cdpath", "home", "prompt":
		return true
	}
	return false
}

// stamp gives the number and the time of a file, which the kernel does not answer from
// what it remembers.
func (sh *shell) stamp(name string) (ino uint64, mtime int64, err error) {
	fd := -1
	sh.place.do(func() { fd, err = sh.r.hooks.Open(name, unix.O_PATH, 0) })
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_INO|unix.STATX_MTIME, &st)
	return st.Ino, st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), err
}

// joinEnv makes the shell one of the group that it is in. given tells of a variable
// that it has been given, mark is the value of markName. It is the shell's own group
// from now on: what was to be written goes there.
func (sh *shell) joinEnv(mark string, given func(name string) bool) {
	was := sh.eg
	sh.eg, sh.egOwn, sh.local, sh.env = nil, false, nil, nil
	if sh.r.hooks.Env == nil {
		return
	}
	g := &envGroup{dirty: map[string]change{}, theirs: map[string]bool{}}
	m, err := parseMark(mark), error(nil)
	if m.dir != "" {
		g.dir = m.dir
		g.ino, g.base, err = sh.stamp(g.dir)
	}
	if m.dir == "" || err != nil || g.ino != m.ino { // whoever gave the mark was elsewhere
		m = envMark{}
		sh.place.do(func() { g.dir = sh.r.hooks.Env() })
		if g.dir == "" {
			return
		}
		if g.ino, g.base, err = sh.stamp(g.dir); err != nil {
			return
		}
	}
	if was != nil {
		was.mu.Lock()
		maps.Copy(g.dirty, was.dirty)
		was.mu.Unlock()
	}
	g.seen, g.looked = g.base, g.base
	if given != nil {
		sh.takeNewer(g, m, given)
	}
	sh.eg, sh.egOwn, sh.local = g, true, map[string]int{}
	for _, l := range sh.locals {
		sh.local[l.name]++
	}
}

// takeNewer takes what the shell was not given, or what has been written since.
func (sh *shell) takeNewer(g *envGroup, m envMark, given func(string) bool) {
	marked := m.dir != ""
	if marked && m.seen >= g.base && !m.more && m.theirs == "" {
		return
	}
	names, _ := sh.readNames(g.dir)
	for _, name := range names {
		if private(name) || setting(name) || sh.flag('p') && strings.HasPrefix(name, fnPrefix) {
			continue
		}
		take := !given(name) && (!marked || m.more)
		if !take && marked {
			_, t, err := sh.stamp(g.dir + "/" + name)
			take = err == nil && t > m.seen || strings.Contains(m.theirs, "/"+name+"/")
		}
		if take {
			sh.take(g, name)
		}
	}
}

// take makes a file's contents a variable or a function. One that is as it was stays.
func (sh *shell) take(g *envGroup, name string) {
	fd, err := -1, error(nil)
	sh.place.do(func() { fd, err = sh.r.hooks.Open(g.dir+"/"+name, unix.O_RDONLY, 0) })
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

// changed has a change of a variable or function written with the next program that is
// started.
func (sh *shell) changed(name string, c change) {
	if !sh.egOwn || sh.quiet || sh.local[name] > 0 || private(name) {
		return
	}
	sh.eg.mu.Lock()
	sh.eg.dirty[name] = c
	sh.eg.mu.Unlock()
}

// publish writes what is to be written.
func (sh *shell) publish() {
	g := sh.eg
	if g == nil {
		return
	}
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	dirty := g.dirty
	if len(dirty) == 0 {
		g.mu.Unlock()
		return
	}
	g.dirty = map[string]change{}
	g.mu.Unlock()
	sh.others(g)
	for name, c := range dirty {
		if err := sh.writeEnv(g.dir+"/"+name, c); err != nil {
			sh.sayAt(g.dir + "/" + name + ": " + because(err))
		}
	}
	g.mu.Lock()
	g.seen = time.Now().UnixNano() // the server's clock: it is on this machine
	for name := range dirty {
		delete(g.theirs, name)
	}
	g.mu.Unlock()
	sh.env = nil
}

// others notes what others have written, before the shell's own writing makes the
// directory as new as that.
func (sh *shell) others(g *envGroup) {
	_, now, err := sh.stamp(g.dir)
	if err != nil || now <= g.seen {
		return
	}
	names, _ := sh.readNames(g.dir)
	for _, name := range names {
		if _, t, err := sh.stamp(g.dir + "/" + name); err == nil && t > g.seen {
			g.mu.Lock()
			g.theirs[name] = true
			g.mu.Unlock()
		}
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
		if fd, err = sh.r.hooks.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o666); err != nil {
			return
		}
		err = writeAll(fd, b)
		unix.Close(fd)
	})
	return err
}

// refresh takes what others have written since the shell last looked, functions only
// if it is asked to. What the shell itself has changed is written first.
func (sh *shell) refresh(functions bool) {
	g := sh.eg
	if g == nil || !sh.egOwn {
		return
	}
	sh.publish()
	_, now, err := sh.stamp(g.dir)
	if err != nil || now == g.looked && !functions {
		return
	}
	names, err := sh.readNames(g.dir)
	if err != nil {
		return
	}
	known := make(map[string]int64, len(names))
	for _, name := range names {
		isFn := strings.HasPrefix(name, fnPrefix)
		if private(name) || setting(name) {
			continue
		}
		_, t, err := sh.stamp(g.dir + "/" + name)
		if err != nil {
			continue
		}
		was, ok := g.known[name]
		if isFn && !functions {
			if ok {
				known[name] = was
			}
			continue
		}
		known[name] = t
		if t != was && (g.known != nil || t > g.base || isFn) {
			sh.take(g, name)
		}
	}
	for name := range g.known {
		if _, ok := known[name]; ok {
			continue
		}
		if f, ok := strings.CutPrefix(name, fnPrefix); ok {
			sh.fns = sh.fns.own()
			delete(sh.fns.m, f)
			sh.env = nil
		} else {
			sh.put(name, nil)
		}
	}
	g.mu.Lock()
	g.known, g.looked, g.seen = known, now, now
	clear(g.theirs)
	g.mu.Unlock()
}

// text gives a function as a file has it, a command that defines it.
func (f *fn) text() string {
	if f.source != "" {
		return f.source
	}
	_, body, _ := strings.Cut(f.export(), "=")
	return "fn " + syntax.Quote(f.name) + " " + body + "\n"
}
