/*
Net measures TCP through netfs beside TCP through a socket:

	go run ./test/bench/net [-q] [-cpu] [-json] [-only regexp]

This program sends to, and reads from, a process that has plain sockets: by a conversation
of netfs, which is another process that is spoken to by 9P on a Unix socket, and by a socket
of its own, with reads and writes of the size that the row says. With some ahead, netfs is
sent that many messages before the first one's answer is waited for; else each is answered
before the next. All of it is on one machine, by loopback, so that three processes share what
else two have. In the last rows that many conversations at once, by one connection to netfs,
have their messages echoed. "floor" is the least that a process between can do: not netfs but
a relay, of a Unix socket to each conversation, that speaks no 9P and moves bytes by splice;
the line of a row that is below its goal says where the floor is. The rounds go from one way
to the other with another one first each time.

-q makes the rounds short, and ends within 40 s. -cpu counts the time that all the processes
run, of which a busy machine takes little, instead of the clock's. -only does the rows whose
"work, config" match. -json prints an object for each row instead of the table.
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
	rounds.Main("net", "short rounds: 40 s in all", "count the time that processes run instead of the clock's", run)
}

func run(ctx context.Context, o rounds.Options) error {
	b := &bench{rounds: 9, part: 1}
	if o.Quick {
		b = &bench{rounds: 5, part: 8}
	}
	b.cpu = o.CPU
	return b.run(ctx, o.Only, table.Reporter(os.Stdout, o.JSON))
}
