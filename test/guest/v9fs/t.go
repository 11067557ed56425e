package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A T is one item of what is tested, as package testing has it. It tells its
// outcome on the line to the host: "run NAME", any "log NAME TEXT", and "pass
// NAME", "fail NAME" or "skip NAME" at its end.
type T struct {
	name     string
	run      func(name string) bool // whether to run it
	failed   bool
	skipped  bool
	cleanups []func()
}

var out struct {
	sync.Mutex
	io.Writer
}

func say(verb, name, text string) {
	out.Lock()
	defer out.Unlock()
	fmt.Fprintln(out.Writer, strings.TrimSpace(verb+" "+name+" "+text))
}

// Run runs a further item and reports whether it passed. It ends at Fatalf.
func (t *T) Run(name string, f func(t *T)) bool {
	name = strings.ReplaceAll(name, " ", "_") // it is a word of a line
	sub := &T{name: strings.TrimPrefix(t.name+"/"+name, "/"), run: t.run}
	if !t.run(sub.name) {
		return true
	}
	say("run", sub.name, "")
	start := time.Now()
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() {
			for _, c := range slices.Backward(sub.cleanups) {
				c()
			}
		}()
		defer func() {
			if p := recover(); p != nil {
				buf := make([]byte, 10000)
				sub.Errorf("panic: %v\n%s", p, buf[:runtime.Stack(buf, false)])
			}
		}()
		f(sub)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		sub.Errorf("hangs")
		hang()
	}
	say("log", sub.name, fmt.Sprintf("took %.1f s", time.Since(start).Seconds()))
	switch {
	case sub.failed:
		say("fail", sub.name, "")
	case sub.skipped:
		say("skip", sub.name, "")
	default:
		say("pass", sub.name, "")
	}
	t.failed = t.failed || sub.failed
	return !sub.failed
}

// Cleanup has f run at the item's end, the last one first.
func (t *T) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *T) Logf(format string, args ...any) {
	for line := range strings.SplitSeq(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		say("log", t.name, line)
	}
}

func (t *T) Errorf(format string, args ...any) {
	t.failed = true
	t.Logf(format, args...)
}

func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

func (t *T) Skipf(format string, args ...any) {
	t.skipped = true
	t.Logf(format, args...)
	runtime.Goexit()
}

// ok ends the item at an error.
func (t *T) ok(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// is holds an error to the one wanted.
func (t *T) is(what string, got, want error) {
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
