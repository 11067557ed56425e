/*
Cpu measures cpu beside ssh, and beside ssh with sshfs:

	go run ./test/bench/cpu [-q] [-json] [-only regexp]

It starts a cpud and an sshd of its own on loopback, with keys of its own, and speaks to
each through a proxy that holds every byte back for half of the round trip that the row
says. The far side is this machine too, and what it works on are the caller's files: in
/mnt/term with cpu, and with ssh in what sshfs has mounted there, through a port that ssh
forwards back. Both are the same way through the same proxy. ssh is told to use
curve25519, and no compression.

A command that runs longer than a row allows is given up, and its row says so; so does one
of which a part is missing here. cold, of true, is with no connection that was kept, else the first time in a session that has cached
nothing, warm the second time in that session. The bulk rows' peer is one TLS connection of
Go's own; two of them are not of cpu but of what it has in its way: FUSE, whose server answers
from memory, and with what comes over that connection. A pipe's bytes go to a command's standard
input, or come from its output, of which cold, as true, is a part. Round trips are the time that something took, in those of its row. Memory is what is private to the processes of a session
(proc(5)): what one more of them costs, for the program itself is in memory once. The rows behind it are
their proportional set size, the command's too, in which the program's pages are parted among all,
and what is private to a program in Go that does nothing but wait, which is the floor.

-q makes the trees and the rounds smaller, and ends within 40 s. -only does the rows whose
"work, config" match. -json prints an object for each row instead of the table.
*/
package main

import (
	"context"
	"os"
	"time"

	"ninespace/test/bench/rounds"
)

func main() {
	served()
	rounds.Main("cpu", "small trees, few rounds: 40 s in all", "", run)
}

func run(ctx context.Context, o rounds.Options) error {
	const milli = time.Millisecond
	b := &bench{rounds: 5, files: 10_000, list: 1000, sources: 100, bulk: 1 << 30, pipe: 16 << 20, limit: 2 * time.Minute, rtts: []time.Duration{5 * milli, 20 * milli, 100 * milli}}
	if o.Quick {
		b = &bench{rounds: 2, files: 50, list: 200, sources: 3, bulk: 64 << 20, pipe: 1 << 20, limit: 20 * time.Second, rtts: []time.Duration{5 * milli}}
	}
	p, err := newPlace(ctx, b)
	if p != nil {
		defer p.close()
	}
	if err != nil {
		return err
	}
	return b.run(ctx, p, o.Only, reporter(os.Stdout, o.JSON))
}
