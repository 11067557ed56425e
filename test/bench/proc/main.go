/*
Proc measures procfs beside Linux's own /proc: for 1,000 processes that sleep, how many
status files are read in a second, and how many of /proc/N/stat, by the same program.

	go run ./test/bench/proc [-q] [-json] [-only regexp]

Each read is an open, a read and a close by names. "served" is what the server itself does for
it: the walk, open and read that a client asks for, by calls in one process. "9P" is through a
client and a Unix socket, procfs being a process of its own; "mount" is the files as any
program sees them in a name space, with the engine nsd between. "floor" is the least that FUSE
can do of that: a server that answers at once, from memory, by one thread, and is asked for
nothing that the kernel can know: a goal of mount's that it does not reach is out of reach for
any file system of FUSE, and the line says so. "listed" is mount with a listing of the
processes before, as of who looks at all. With 8 at once so many goroutines read, of both. The
rounds go from one to the other.

-q makes fewer rounds, and ends within 40 s. -only does the rows whose "work, config"
match. -json prints an object for each row instead of the table.
*/
package main

import (
	"context"
	"os"

	"ninespace/test/bench/rounds"
)

func main() {
	if served() {
		return
	}
	rounds.Main("proc", "fewer rounds: 40 s in all", "", run)
}

func run(ctx context.Context, o rounds.Options) error {
	b := &bench{rounds: 15, processes: 1000}
	if o.Quick {
		b.rounds = 7
	}
	return b.run(ctx, o.Only, table.Reporter(os.Stdout, o.JSON))
}
