package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ninespace/ns/cmd/bind"
	"ninespace/ns/cmd/newns"
	"ninespace/ns/cmd/nsd"
	"ninespace/srv/cmd/diskfs"
)

// nine is those commands of the binary nine that are measured or needed for it.
var nine = map[string]func(ctx context.Context, std [3]*os.File, args []string) error{
	"bind": bind.Main, "newns": newns.Main, "nsd": nsd.Main(func() []string { return []string{"bind", "newns"} }), "diskfs": diskfs.Main,
	floorHow: serveFloor,
}

// served does what a child is for, if this process is one, and reports so: a
// command of nine, or a worker.
func served() bool {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "nine" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	std := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	main := nine[name]
	if main == nil {
		if len(args) != 2 || args[0] != "-work" {
			return false
		}
		main = func(context.Context, [3]*os.File, []string) error {
			var s setup
			if err := json.Unmarshal([]byte(args[1]), &s); err != nil {
				return err
			}
			return serve(&s, std)
		}
	}
	if err := main(context.Background(), std, args); err != nil {
		var e interface{ ExitCode() int }
		if errors.As(err, &e) {
			os.Exit(e.ExitCode())
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	return true
}
