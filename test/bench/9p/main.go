/*
9p measures the engine of srv beside other 9P servers and beside the ceiling:

	go run ./test/bench/9p [-q] [-json] [-only regexp] [-old program]

Ours is the command "nine diskfs" over a directory in memory (/dev/shm, where
there is one), permission checks and all. Its peers serve the same directory:
hugelgupf/p9's localfs, knusbaum/go9p's export9p (9P2000, which is all that it
speaks) and Debian's diod; one that is missing is said to be. null is the
ceiling, a loop that answers from memory: see null.go; sys is the same with the
system calls that each request takes on Linux, see bare_linux.go. Each is a process of
its own, and one client, see client.go, drives them all over a Unix socket, for some
milliseconds ours and a peer, one after the other, and so on: a ratio is the median of
those of such pairs. In the rows that drive one connection the time that the servers
themselves run is compared too, of which a busy machine takes nothing. Rows that say so have
client and servers on one CPU: see pin_linux.go.

-q makes the rounds short, and few in rows without a goal, leaves out what takes long, and
ends within 40 s.
-old has the rows of one connection compare with another build of this program: to see
what a change does, "go build -o /tmp/old ./test/bench/9p" before it.
-only does the rows whose "work, config" match. -json prints an object for each
row and peer instead of the table. The rows that have a goal come first.
*/
package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"time"

	"ninespace/test/bench/rounds"
)

func main() {
	if served() {
		return
	}
	rounds.Main("9p", "short rounds: 40 s in all", "", run)
}

var oldBuild = flag.String("old", "", "compare with ours of another build of this `program`, too")

func run(ctx context.Context, o rounds.Options) error {
	if *oldBuild != "" { // servers have directories of their own
		var err error
		if *oldBuild, err = filepath.Abs(*oldBuild); err != nil {
			return err
		}
	}
	b := &bench{home: home(), rounds: 200, few: 5, span: 4 * time.Millisecond, row: 12 * time.Second, last: 20 * time.Minute}
	if o.Quick {
		b = &bench{home: home(), quick: true, rounds: 25, few: 3, span: 3 * time.Millisecond, row: time.Second, last: 40 * time.Second}
	}
	return b.run(ctx, o.Only, reporter(os.Stdout, o.JSON))
}

// home is where to serve from: a disk would be measured, and not a server.
func home() string {
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
