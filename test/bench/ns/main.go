/*
Ns measures name spaces beside what Linux has for the same purpose:

	go run ./test/bench/ns [-q] [-cpu] [-json] [-only regexp] [-d directory]

The same directory is worked on in different places: native; a bind mount and an
overlayfs over it; a graft, which is how a name space shows a directory of the
host's; the engine, by FUSE and without grafts (newns -N), with the kernel's
passthrough and, in a user namespace, without; the engine over a posted "nine
diskfs", by 9P; Debian's mergerfs; and, where the goal can't be had by FUSE, the floor, a server
that does nothing but answer, or has one thread make one mount. What is missing is said to be. In each
place one worker, a process of this program, does the works (see work.go), in
rounds that go from place to place with another one first each time. The program is
its own nine: every command of a name space that it runs is the one that it was
built with.

What has no counterpart on the host is told as it is: bind through ctl, rfork, a
file of the engine's own. The last rows compare a name space with itself where it
has 1,000 binds, and where its engine has 500 other name spaces.

Run by another than root it does all that in a user namespace, and engine has no
passthrough either.

-q makes the rounds short and the trees small, and ends within 60 s.
-cpu counts the time that the worker, what it starts and the servers run, of which
a busy machine takes nothing, instead of the clock's.
-only does the rows whose "work, config" match. -json prints an object for each
row and place instead of the table. -d is where the directory is made, /tmp if
nothing else is said: on a disk, for a user's files are, and not below /dev, which
is never the engine's.
*/
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ninespace/ns"
	"ninespace/test/bench/rounds"
)

func main() {
	if served() {
		return
	}
	rounds.Exit("ns", run())
}

func run() error {
	home := flag.String("d", os.TempDir(), "`directory` in which the work is done")
	o, err := rounds.Parse("short rounds: 60 s in all", "count the time that processes run instead of the clock's")
	if err != nil {
		return err
	}
	std := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	if done, err := ns.Privileged(std); done {
		var e interface{ ExitCode() int }
		if errors.As(err, &e) { // of the same program in a user namespace, which has said all
			os.Exit(e.ExitCode())
		}
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &bench{home: *home, rounds: 7, span: 200 * time.Millisecond, files: 20000, last: 15 * time.Minute}
	if o.Quick {
		b = &bench{home: *home, quick: true, rounds: 5, span: 15 * time.Millisecond, files: 2000, last: time.Minute}
	}
	b.cpu = o.CPU
	return b.run(ctx, o.Only, reporter(os.Stdout, o.JSON))
}
