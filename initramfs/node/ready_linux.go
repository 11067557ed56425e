package node

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// ready says how long it took until somebody can come in: the time that is ours to shorten,
// and how much of it the kernel's modules were being loaded.
func (n *node) ready(ctx context.Context) {
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+cpuPort)
		if err == nil {
			c.Close()
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
	n.mu.Lock()
	var modules time.Duration
	for _, s := range n.steps {
		if s.name == "modules" {
			modules = s.took
		}
	}
	n.mu.Unlock()
	n.log.Printf("init: ready after %.2f s, of which modules took %.2f s", (bootTime() - n.begun).Seconds(), modules.Seconds())
}

// cpuPort is where cpud listens.
const cpuPort = "17011"

// begun in the environment is when the first process began with the one that it starts, as
// bootTime gives it. The process itself is as old as the kernel, which finds its hardware in
// it.
const begun = "NINE_BEGUN"

// bootTime is how long the machine has run.
func bootTime() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
