package node

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Config says what a node runs.
type Config struct {
	Services [][]string // each a name and the arguments of nine
	Console  []string   // arguments of nine: a shell for the console
}

// A node is the machine that this process keeps.
type node struct {
	cfg    Config
	log    *Log
	params Params
	public string                  // the key that the node is known by
	ntp    []string                // servers of the time
	timed  bool                    // one of them has set the clock
	ether  string                  // of the card that it has its address on
	six    *six                    // once there was a network card
	names  [2]names                // servers of names, as IPv4 and 6 have them
	begun  time.Duration           // when this began, since the machine was started
	cancel context.CancelCauseFunc // with what is to become of the machine

	mu       sync.Mutex
	steps    []*step
	services []*service
	started  bool     // the services
	console  *service // once asked for
	wg       sync.WaitGroup
}

// Run makes this machine a node and keeps it one, until it is told to reboot, to halt or to
// start another kernel, which Run then does: it does not return but with an error that
// kept it from that.
func Run(ctx context.Context, cfg Config) error {
	// A node's process before this one may have left its services: they are started anew.
	unix.Kill(-1, unix.SIGKILL)
	first, _ := strconv.ParseInt(os.Getenv(begun), 10, 64)
	os.Unsetenv(begun)
	rooted := rootNumber() > 0
	if rooted {
		if err := enterRoot(); err != nil {
			return err
		}
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := &node{cfg: cfg, log: NewLog(os.Stderr), begun: time.Duration(first), cancel: cancel}
	if n.params, err = ParseParams(strings.TrimSpace(string(line))); err != nil {
		for line := range strings.Lines(err.Error()) {
			n.log.Printf("init: kernel's command line: %s", strings.TrimSpace(line))
		}
	}
	go n.signals(ctx)
	for _, c := range cfg.Services {
		n.services = append(n.services, &service{name: c[0], args: append([]string{self}, c[1:]...), log: n.log, restart: make(chan struct{}), since: time.Now()})
	}
	if n.params.Console {
		n.offerConsole(ctx, "asked for")
	}
	n.do(ctx, "modules", n.modules)
	if n.params.Name != "" {
		n.do(ctx, "name", func(context.Context) error { return setName(n.params.Name) })
	}
	n.do(ctx, "key", n.key)
	n.serve(ctx, &n.wg)
	if n.params.Root == "" || rooted {
		n.startServices(ctx)
	}
	if n.do(ctx, "network", n.network) == nil {
		if len(n.timeServers()) > 0 { // before certificates are looked at
			n.do(ctx, "clock", n.clock)
		}
		if n.params.Join != "" {
			n.do(ctx, "join", n.join)
		}
		if n.params.Root != "" && (rooted || n.do(ctx, "root", n.root) == nil) {
			n.wg.Go(func() { n.watchRoot(ctx) })
		}
	}
	n.wg.Go(func() { n.ready(ctx) })
	<-ctx.Done()
	n.wg.Wait()
	return n.end(context.Cause(ctx))
}

// startServices starts the services, once, and reports whether this was when.
func (n *node) startServices(ctx context.Context) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.started {
		return false
	}
	n.started = true
	for _, s := range n.services {
		n.wg.Go(func() { s.run(ctx) })
	}
	return true
}

// self is this program.
const self = "/run/nine"
