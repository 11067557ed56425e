package rc

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An envGroup is a directory of variables that programs share, as env(3) has it: a
// list is its words with a NUL after each, a function f is fn#f. A shell writes what has
// changed there when it starts a program, and in the end; local variables and those of subshells
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

	asked atomic.Bool // somebody waits for the server's answer

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

// bequeath is publish at the end of the shell, for which nobody waits if the server does
// not answer.
func (sh *shell) bequeath() {
	g := sh.eg
	if g == nil || !sh.egOwn {
		return
	}
	g.mu.Lock()
	dirty := len(g.dirty) > 0
	g.mu.Unlock()
	if dirty && sh.answers(g) {
		sh.publish()
	}
}

// others notes what others have written, before the shell's own writing makes the
// directory as new as that.
func (sh *shell) others(g *envGroup) {
	g.mu.Lock()
	seen := g.seen
	g.mu.Unlock()
	_, now, err := sh.stamp(g.dir)
	if err != nil || now <= seen {
		return
	}
	names, _ := sh.readNames(g.dir)
	for _, name := range names {
		if _, t, err := sh.stamp(g.dir + "/" + name); err == nil && t > seen {
			g.mu.Lock()
			g.theirs[name] = true
			g.mu.Unlock()
		}
	}
}

// answers tells whether the server of the directory does, within the time that a person
// waits for a prompt.
func (sh *shell) answers(g *envGroup) bool {
	if !g.asked.CompareAndSwap(false, true) {
		return false // it still has not
	}
	done := make(chan struct{})
	asks := sh.fork()
	go func() {
		asks.stamp(g.dir)
		asks.done()
		g.asked.Store(false)
		close(done)
	}()
	return await(done, 300*time.Millisecond)
}

// refresh takes what others have written since the shell last looked, functions only
// if it is asked to. What the shell itself has changed is written first.
func (sh *shell) refresh(functions bool) {
	g := sh.eg
	if g == nil || !sh.egOwn || !functions && !sh.answers(g) {
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
