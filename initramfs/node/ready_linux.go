package node

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ready says how long the machine's first process has run when somebody can come in: the
// time that is ours to shorten, and of it what the kernel's modules took.
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
	n.log.Printf("init: ready after %.2f s, of which modules took %.2f s", since1().Seconds(), modules.Seconds())
}

// cpuPort is where cpud listens.
const cpuPort = "17011"

// since1 is how long ago the first process was started.
func since1() time.Duration {
	b, err := os.ReadFile("/proc/1/stat")
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ") // what is before may have blanks
	f := strings.Fields(rest)
	if len(f) < 20 {
		return 0
	}
	ticks, _ := strconv.ParseInt(f[19], 10, 64) // a hundred in a second, to programs
	return time.Duration(now.Nano()) - time.Duration(ticks)*10*time.Millisecond
}
