package factotum

import (
	"context"
	_ "embed" // for the manual page
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"ninespace/factotum"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command factotum; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("factotum", flag.ContinueOnError)
	d.Flags(flags, "factotum")
	ask := flags.Bool("g", false, "ask for a key and give it to the factotum that is posted")
	as := flags.String("a", "", "get dp9ik's tickets at `dialstring`")
	broker := flags.String("c", "", "write capabilities' hashes to caphash of the server at `dialstring`")
	agent := flags.String("A", "", "be an ssh-agent at `socket`")
	store := flags.String("f", "", "the secstore is `file`")
	load := flags.Bool("k", false, "load the keys of $HOME/.ssh")
	if err := srv.Parse(flags, args); err != nil {
		return err
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
	if *as != "" {
		_, to, ok := client.SplitNet(*as)
		if !ok {
			to = *as
		}
		if _, _, err := p9.ParseDial(to, "567"); err != nil {
			return fmt.Errorf("%w: %w", flag.ErrHelp, err)
		}
		cfg.AuthDial = func(ctx context.Context, _ string) (net.Conn, error) {
			return client.DialStream(ctx, *as, "567")
		}
	}
	asker := newAskpass()
	if asker != nil {
		cfg.Confirm, cfg.NeedKey = asker.confirm, asker.needKey
	}
	if *broker != "" {
		cfg.Caphash = func(ctx context.Context, hash []byte) error { return caphash(ctx, *broker, hash) }
	}
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
	if *store != "" {
		pass, err := prompt(std, "!passphrase")
		if err != nil {
			return err
		}
		if err := f.OpenStore(*store, []byte(pass)); err != nil {
			return err
		}
	}
	if *load {
		if err := loadKeys(ctx, std, f, asker); err != nil {
			return err
		}
	}
	if *agent == "" {
		return d.Serve(ctx, std, srv.New(f))
	}
	return serveBoth(ctx, std, &d, f, *agent)
}

// serveBoth serves files and, until they end, an ssh-agent.
func serveBoth(ctx context.Context, std [3]*os.File, d *srv.Door, f *factotum.Factotum, sock string) error {
	upstream := os.Getenv("SSH_AUTH_SOCK")
	if same(upstream, sock) {
		upstream = "" // it is our own
	}
	l, err := srv.Announce("unix!" + sock)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- f.NewAgent(upstream).Serve(ctx, l)
	}()
	err = d.Serve(ctx, std, srv.New(f))
	cancel()
	return errors.Join(err, <-done)
}

// same reports whether two names are of the same file.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
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
