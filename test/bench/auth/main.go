/*
Auth measures what factotum costs, beside the same without it:

	go run ./test/bench/auth [-q] [-json] [-only regexp]

A handshake is that of the native door, TLS 1.3 with a key on each side, over a pair of
sockets in this process: with both keys in a factotum, which is a process of its own, with
both in this one's memory, the same with an empty round trip to that other process for each
signature, which is the least that a key elsewhere can cost, and that of
golang.org/x/crypto/ssh, which ends when the user is let in by his key, with both keys in
memory and with both in OpenSSH's ssh-agent. In memory is that of the native door without
any factotum, beside ssh's: what the figure of factotum's cannot fall below. A signature is
one asked of an ssh-agent, by one connection: of factotum's and of OpenSSH's. Dp9ik is the processor time that the factotum of a server takes for one
client, the exchange of keys included.

The rounds go from one to the other with another one first each time. -q makes the rounds
short, and ends within 40 s. -only does the rows whose "work, config" match. -json prints
an object for each row instead of the table.
*/
package main

import (
	"context"
	"os"
	"time"

	"ninespace/test/bench/rounds"
)

func main() {
	if served() {
		return
	}
	rounds.Main("auth", "short rounds: 40 s in all", "", run)
}

func run(ctx context.Context, o rounds.Options) error {
	b := &bench{rounds: 25, long: 300 * time.Millisecond}
	if o.Quick {
		b = &bench{rounds: 11, long: 60 * time.Millisecond}
	}
	return b.run(ctx, o.Only, reporter(os.Stdout, o.JSON))
}
