/*
Rc measures our rc beside other shells:

	go run ./test/bench/rc [-q] [-cpu] [-json] [-only regexp]

The peers are Plan 9's rc (Debian's 9base), Byron Rakitzis's (Debian's rc, called
rc.byron), dash and bash; for the start also a Go program that does nothing, and one that
does nothing but import crypto/tls, as nine has to: no start of it is less. Row usage is of
what every command costs, nine cpu -? beside a hello world. What is missing is said to be. Ours is nine called rc, built without cgo, as it is in an image:
so are the Go programs.

Each work is a script, written in each shell's own language where they differ
(rows.go), and is run as "shell -c" or from a file. Rounds go from shell to shell with
another one first each time. A number is the median of the rounds' ratios: our time over
the peer's, lower is better.

-q does fewer rounds and some works smaller, and ends within 40 s.
-cpu counts the time that shells and what they start run, of which a busy machine
takes nothing, instead of the clock's.
-only does the rows whose work matches. -json prints an object for each row and peer
instead of the table.
*/
package main

import (
	"context"
	"os"
	"time"

	"ninespace/test/bench/rounds"
)

func main() {
	rounds.Main("rc", "fewer rounds and smaller works: 40 s in all", "count the time that processes run instead of the clock's", run)
}

func run(ctx context.Context, o rounds.Options) error {
	b := &bench{rounds: 7, last: 20 * time.Minute, cpu: o.CPU, scale: 1}
	if o.Quick {
		b.rounds, b.last, b.scale = 3, 38*time.Second, 10
	}
	return b.run(ctx, o.Only, reporter(os.Stdout, o.JSON))
}
