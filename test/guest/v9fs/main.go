/*
V9fs is the init of a guest: it mounts the 9P servers that its arguments name
with the kernel's v9fs and tests what the kernel makes of them, beside a local
file system. The test in test/ boots it and reads the outcome from the guest's
second serial port.

Arguments are flags and server=port: a server at the host's 127.0.0.1, by the
name that the table mounts has for it, or tools, where the foreign programs are.
*/
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// What the flags say.
var (
	seed int64
	ops  int           // how many random operations a mount
	load time.Duration // how long dbench works on a mount

	// patience is how long one item may take. What hangs is reported and ends the
	// guest, as a mount that hangs may hold all that follows.
	patience time.Duration
)

func main() {
	if os.Getpid() != 1 {
		helper(os.Args[1:])
		return
	}
	if err := guest(); err != nil {
		fmt.Println("v9fs:", err) // on the console
		if out.Writer != nil {
			say("fatal", "", err.Error())
		}
		os.Exit(1) // init's end is a panic, which ends qemu
	}
	end()
}

func guest() error {
	if err := setup(); err != nil {
		return err
	}
	flag.Int64Var(&seed, "seed", 1, "of the random operations")
	flag.IntVar(&ops, "ops", 1000, "random operations a mount")
	flag.DurationVar(&patience, "patience", 4*time.Minute, "for one item, after which the guest ends")
	flag.DurationVar(&load, "load", 5*time.Second, "time of dbench")
	run := flag.String("run", "", "only items that match")
	flag.Parse()
	ports := map[string]string{}
	for _, a := range flag.Args() {
		name, port, _ := strings.Cut(a, "=")
		ports[name] = port
	}
	parts := strings.Split(*run, "/") // as go test -run: an element a level
	t := &T{run: func(name string) bool {
		for i, elem := range strings.Split(name, "/") {
			if i < len(parts) && !regexp.MustCompile(parts[i]).MatchString(elem) {
				return false
			}
		}
		return true
	}}
	return tests(t, ports)
}
