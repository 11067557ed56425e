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
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	if served() {
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "srv:", err)
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("q", false, "short rounds: 40 s in all")
	asJSON := flag.Bool("json", false, "print objects, one for a row and peer")
	only := flag.String("only", "", "do the rows that match `regexp`")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("%s: no arguments are taken", flag.Arg(0))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &bench{rounds: 9, messages: 200000}
	if *quick {
		b = &bench{rounds: 5, messages: 40000}
	}
	return b.run(ctx, match, reporter(os.Stdout, *asJSON))
}
