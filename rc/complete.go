package rc

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// What a LineReader can ask the interpreter that calls it, for completion. What may
// hang, files of servers and commands, has a time limit: then the answer is what there
// is of it, and what hangs is left behind.

// Functions gives the names of the functions, sorted.
func (r *Runner) Functions() []string { return slices.Sorted(maps.Keys(r.sh.fns.m)) }

// Variables gives the names of the variables, sorted.
func (r *Runner) Variables() []string { return slices.Sorted(maps.Keys(r.sh.vars.m)) }

// Builtins gives the names of the builtins, sorted, the embedding program's among names
// too.
func (r *Runner) Builtins(names ...string) []string {
	list := []string{".", "builtin", "cd", "echo", "eval", "exec", "exit", "finit", "flag", "read", "rfork", "shift", "ulimit",
		"umask", "wait", "whatis", "bg", "fg", "jobs"}
	list = slices.DeleteFunc(append(list, names...), func(name string) bool {
		return r.sh.builtin(name) == nil && r.sh.theirs(name) == nil
	})
	slices.Sort(list)
	return list
}

// Dir gives the directory that the interpreter is in.
func (r *Runner) Dir() string { return r.sh.workdir() }

// An Entry is a file of a directory.
type Entry struct {
	Name string
	Mode fs.FileMode // fs.ModeIrregular if it was not told in time
}

// stuck is how many calls may hang at a time.
const stuck = 32

// List gives the files of directories whose names have a prefix, those of the first
// directory first.
func (r *Runner) List(within time.Duration, prefix string, dirs ...string) []Entry {
	var mu sync.Mutex
	found := make([][]Entry, len(dirs))
	var all sync.WaitGroup
	for i, dir := range dirs {
		if r.hanging.Add(1) > stuck {
			r.hanging.Add(-1)
			continue
		}
		sh := r.sh.fork()
		all.Go(func() {
			defer r.hanging.Add(-1)
			defer sh.done()
			names, err := sh.readDir(dir)
			if err != nil {
				return
			}
			names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
			slices.Sort(names)
			mu.Lock()
			for _, name := range names {
				found[i] = append(found[i], Entry{name, fs.ModeIrregular})
			}
			mu.Unlock()
			for j, name := range names {
				mode, err := sh.stat(dir + "/" + name)
				if err != nil {
					continue
				}
				mu.Lock()
				found[i][j].Mode = mode
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	await(done, within)
	mu.Lock()
	defer mu.Unlock()
	return slices.Concat(found...)
}

// Call calls a function of the interpreter in a subshell and gives what it writes.
// The script is run before, there only: it may define the function, which one of the
// interpreter's own goes before. ok tells whether it was there, and
// ended with a true status and in time.
func (r *Runner) Call(within time.Duration, script, name string, args ...string) (string, bool) {
	null, err := openNull(unix.O_RDWR)
	if err != nil || r.hanging.Load() > stuck {
		return "", false
	}
	r.hanging.Add(1)
	nothing := newFile(null)
	to, c := newCapture()
	sh := r.sh.fork()
	sh.loose, sh.interactive = true, 0
	sh.group = &group{}
	sh.fds = files{nothing, to, nothing}
	sh.locals = slices.Clone(sh.locals)
	sh.flags = 0
	var expired atomic.Bool
	sh.expired = &expired
	done := make(chan struct{})
	var text []byte
	ok := false
	go func() {
		defer r.hanging.Add(-1)
		own := sh.fns.m[name]
		sh.evalText("complete", script)
		if f := cmp.Or(own, sh.fns.m[name]); f != nil {
			ok = sh.call(f, args) == nil && sh.ok()
		}
		sh.done()
		nothing.release()
		to.release()
		text, _ = c.output()
		close(done)
	}()
	if await(done, within) {
		return string(text), ok
	}
	expired.Store(true)
	r.events.Add(1)
	if pid := int(sh.group.pid.Load()); pid > 0 {
		unix.Kill(-pid, unix.SIGKILL)
	}
	return "", false
}

// await waits for a channel to be closed, and tells whether it was.
func await(done <-chan struct{}, within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
