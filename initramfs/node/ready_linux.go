package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ready says how long it took until somebody can come in: the time that is ours to shorten,
// and how much of it the kernel's modules were being loaded.
func (n *node) ready(ctx context.Context) {
	for !listens("/proc/net", cpuPort) {
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
const cpuPort = 17011

// listens tells whether somebody listens at a TCP port, by what the kernel says in a directory, proc(5). To call
// would do too, but cpud would make a certificate for who calls, and be busy with that when the first one comes.
func listens(dir string, port int) bool {
	const listen = "0A" // the state
	for _, name := range [...]string{"tcp", "tcp6"} {
		b, _ := os.ReadFile(filepath.Join(dir, name)) // of IPv6 a kernel may have none
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line) // number, own address, the other's, state
			if len(f) > 3 && f[3] == listen && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				return true
			}
		}
	}
	return false
}

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
