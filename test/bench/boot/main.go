/*
Boot measures how soon a machine without a disk is a node, and what that takes:

	go run ./test/bench/boot [-q] [-json] [-only regexp] [-u file]

Each boot is a guest of qemu without the processor's help, of 256 MiB and with qemu's own
network, that starts Debian's vmlinux and an image that is not compressed. Nine is ready when
a command has run there by cpu; the bare init, which loads the same modules and asks by DHCP, when
it has answered a first connection. Neither is called before its console says that it listens. What is better when less is shown as how many there are
of it: boots in a minute, images in 100 MB, nodes in a GiB. The rounds go from one way to
the other with another one first each time.

What init takes is counted from where it begins, not from where the kernel does. In the rows of
instructions the guest's clock is the number of those that it has run, at 250 million a second: that is
the same on a busy machine, and leaves out that qemu, without the processor's help, has to translate
code before it runs for the first time, which is most of what a first cpu takes there. Each is
counted once: the next one differs by some hundredths.

u-root's image has its core commands, its init, and a script that loads the same modules; it
answers by netcat, once it has an address, for u-root's cpud is not to be had as a module. It is built the first time without
-q, which takes minutes, and kept in the user's cache directory; -u file is an archive of
such commands instead, as u-root -o file core makes it. -q makes two rounds instead of five, and ends within 3
minutes. -only does the rows whose "work, config" match. -json prints an object for each row
instead of the table.
*/
package main

import (
	"context"
	"flag"
	"os"

	"ninespace/test/bench/rounds"
)

func main() {
	if os.Getpid() == 1 {
		bare()
	}
	commands := flag.String("u", "", "u-root's commands: an archive's `file`")
	rounds.Main("boot", "two rounds: 3 minutes in all", "", func(ctx context.Context, o rounds.Options) error {
		b := &bench{rounds: 5, commands: *commands, quick: o.Quick}
		if o.Quick {
			b.rounds = 2
		}
		return b.run(ctx, o.Only, table.Reporter(os.Stdout, o.JSON))
	})
}
