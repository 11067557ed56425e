/*
9p measures the engine of srv beside other 9P servers and beside the ceiling:

	go run ./test/bench/9p [-q] [-cpu] [-json] [-only regexp]

Ours is the command "nine diskfs" over a directory in memory (/dev/shm, where
there is one), permission checks and all. Its peers serve the same directory:
hugelgupf/p9's localfs, knusbaum/go9p's export9p (9P2000, which is all that it
speaks) and Debian's diod; one that is missing is said to be. null is the
ceiling, a loop that answers from memory: see null.go. Each is a process of its
own, and one client, see client.go, drives them all over a Unix socket, in
rounds that go from server to server with another one first each time.

-q makes the rounds short, leaves out what takes long, and ends within 40 s.
-cpu counts the time that the server itself runs, of which a busy machine takes
nothing, in the rows that drive one connection.
-only does the rows whose "work, config" match. -json prints an object for each
row and peer instead of the table. The rows that have a goal come first.
*/
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ninespace/test/bench/rounds"
)

func main() {
	if served() {
		return
	}
	rounds.Exit("9p", run())
}

func run() error {
	o, err := rounds.Parse("short rounds: 40 s in all", "count the servers' own time instead of the clock's")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &bench{home: home(), rounds: 7, span: 200 * time.Millisecond, last: 20 * time.Minute}
	if o.Quick {
		b = &bench{home: home(), quick: true, rounds: 5, span: 15 * time.Millisecond, last: 40 * time.Second}
	}
	b.cpu = o.CPU
	return b.run(ctx, o.Only, reporter(os.Stdout, o.JSON))
}

// home is where to serve from: a disk would be measured, and not a server.
func home() string {
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
