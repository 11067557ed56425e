package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// tree makes the node's tree.
func (n *node) tree() srv.File {
	text := func(f func() string) srv.File {
		return srv.Text(0o444, func(context.Context) (string, error) { return f(), nil })
	}
	return srv.NewDir().
		Add("ctl", srv.Cmds(0o600, nil, map[string]func(context.Context, []string) error{
			"reboot":  n.ending(unix.LINUX_REBOOT_CMD_RESTART),
			"halt":    n.ending(unix.LINUX_REBOOT_CMD_POWER_OFF),
			"boot":    n.boot,
			"kexec":   n.kexec,
			"restart": n.restart,
		})).
		Add("hardware", text(func() string { return hardware("/sys") })).
		Add("health", text(func() string { return health("/sys") })).
		Add("key", text(func() string { return n.public + "\n" })).
		Add("log", text(n.log.String)).
		Add("status", text(n.status)).
		Add("params", text(func() string { return public(n.params.words) }))
}

// serve serves the node's tree until ctx ends.
func (n *node) serve(ctx context.Context, wg *sync.WaitGroup) {
	l, err := srv.Post("node")
	if err != nil {
		n.log.Printf("init: %v", err)
		return
	}
	s := srv.New(n.tree())
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil && ctx.Err() == nil {
			n.log.Printf("init: tree: %v", err)
		}
	})
}

// public gives the words, a line each, without what is somebody's secret.
func public(words []string) string {
	var b strings.Builder
	for _, w := range words {
		if key, _, ok := strings.Cut(w, "="); ok && (strings.HasSuffix(key, "token") || strings.HasSuffix(key, "key") || strings.HasSuffix(key, "password")) {
			w = key + "=?"
		}
		fmt.Fprintln(&b, w)
	}
	return b.String()
}

func (n *node) status() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	for _, s := range n.steps {
		took := s.took
		if s.state == "begun" {
			took = time.Since(s.since)
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("step    %-10s %-8s %8.1f %s", s.name, s.state, took.Seconds(), s.why), " "))
	}
	for _, s := range n.services {
		fmt.Fprintln(&b, s.status())
	}
	return b.String()
}

// ending makes a command that ends the machine's work.
func (n *node) ending(how int) func(context.Context, []string) error {
	return func(_ context.Context, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("usage: %v", errEnd(how))
		}
		n.endSoon(errEnd(how))
		return nil
	}
}

// endSoon ends the machine's work soon: who asked for it, perhaps from far, has the answer first, and
// does not wait for a node that is gone.
func (n *node) endSoon(how errEnd) { time.AfterFunc(answered, func() { n.cancel(how) }) }

const answered = time.Second

// restart ends a service, which is then started again.
func (n *node) restart(_ context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: restart service")
	}
	i := slices.IndexFunc(n.services, func(s *service) bool { return s.name == args[0] })
	if i < 0 {
		return fmt.Errorf("restart %s: no such service", args[0])
	}
	n.services[i].again()
	return nil
}
