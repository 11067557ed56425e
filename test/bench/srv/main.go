/*
Srv measures the servers of a node's resources beside what Linux has for the purpose:

	go run ./test/bench/srv [-q] [-json] [-only regexp]

Messages of 100 bytes go from one client to another, over Unix sockets, by ipcfs (a
queue, a work queue, a pipe) and by Debian's redis-server (LPUSH and BRPOP on a list).
Each client has so many requests on their way at once as the row says, of both: with 1
each message waits for the answer to the one before. Both clients are this program, each
server is a process of its own, which keeps nothing on disk. Of redis the writer keeps
no more than so many requests ahead, as of ipcfs; that its list is not bounded, as a
queue is, costs it nothing. The rounds go from server to server with another one first
each time.

-q makes the rounds short, and ends within 40 s. -only does the rows whose "work,
config" match. -json prints an object for each row and peer instead of the table.
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
	rounds.Main("srv", "short rounds: 40 s in all", "", run)
}

func run(ctx context.Context, o rounds.Options) error {
	b := &bench{rounds: 9, messages: 200000}
	if o.Quick {
		b = &bench{rounds: 5, messages: 40000}
	}
	return b.run(ctx, o.Only, table.Reporter(os.Stdout, o.JSON))
}
