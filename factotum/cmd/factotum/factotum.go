package factotum

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"ninespace/factotum"
	"ninespace/srv"
	"ninespace/srv/p9"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command factotum; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("factotum", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	d.Flags(flags, "factotum")
	ask := flags.Bool("g", false, "ask for a key and give it to the factotum that is posted")
	if err := flags.Parse(srv.Letters(flags, args)); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	if *ask {
		return getKey(ctx, std, d.Srv, flags.Args())
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	if d.Listen != "" {
		if network, _, err := p9.ParseDial(d.Listen, "564"); err == nil && network != "unix" {
			return fmt.Errorf("%w: %s: keys are served on Unix sockets only", flag.ErrHelp, d.Listen)
		}
	}
	if err := factotum.Harden(); err != nil {
		return err
	}
	var cfg factotum.Config
	if d.Trace { // the messages themselves have secrets
		var mu sync.Mutex
		cfg.Log = func(line string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std[2], "factotum:", line)
		}
	}
	f := factotum.New(cfg)
	defer f.Close()
	if d.Trace {
		d.Trace = false
		if err := f.Ctl("debug"); err != nil {
			return err
		}
	}
	return d.Serve(ctx, std, srv.New(f))
}

// getKey asks for what a template leaves open and gives the key to a factotum.
func getKey(ctx context.Context, std [3]*os.File, name string, words []string) error {
	if len(words) == 0 {
		return flag.ErrHelp
	}
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, srv.Quote(w))
	}
	attrs, err := factotum.ParseAttrs(strings.Join(quoted, " "))
	if err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	line := []byte("key")
	defer func() { clear(line) }()
	for _, a := range attrs {
		if a.Query {
			v, err := prompt(std, a.Name)
			if err != nil {
				return err
			}
			a.Value = v
		}
		line = fmt.Appendf(line, " %s=%s", a.Name, srv.Quote(a.Value))
	}
	return writeCtl(ctx, name, line)
}
