package top

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// history is how many looks are remembered for the little graphs.
const history = 64

// A node is one that is looked at.
type node struct {
	name, dir string

	mu        sync.Mutex
	asked     time.Time // when the look that is under way began; zero: there is none
	now, last sample
	cpu       []float64            // of the looks before, 0 to 1
	msgs      map[string][]float64 // of each server, a second
}

// nodes are those in dirs, or where there are none those that the name space has.
func nodes(dirs []string) (all []*node, err error) {
	asked := len(dirs) > 0
	if !asked {
		dirs, _ = filepath.Glob("/n/*")
		dirs = append([]string{"/mnt"}, dirs...)
	}
	for _, dir := range dirs {
		n := &node{name: filepath.Base(dir), dir: dir, msgs: map[string][]float64{}}
		if dir == "/mnt" {
			n.name = "here"
		}
		switch {
		case isNode(dir):
			all = append(all, n)
		case asked:
			return nil, fmt.Errorf("%s: no node: it has neither proc nor dev nor stats", dir)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no node: neither /mnt nor any of /n has proc, dev or stats; see nine man up")
	}
	return all, nil
}

// isNode tells whether a directory has any of what is shown of a node.
func isNode(dir string) bool {
	return slices.ContainsFunc([]string{"stats", "proc", "dev"}, func(part string) bool {
		_, err := os.Stat(filepath.Join(dir, part))
		return err == nil
	})
}

// look has the node's files read, unless that is still being done since the last time.
// Done is called when it is.
func (n *node) look(list bool, done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.asked.IsZero() {
		return
	}
	n.asked = time.Now()
	last := n.now.list
	go func() {
		s := read(n.dir, list, last)
		n.mu.Lock()
		n.take(s)
		n.asked = time.Time{}
		n.mu.Unlock()
		done()
	}()
}

// take makes a sample the last one.
func (n *node) take(s sample) {
	n.last, n.now = n.now, s
	if s.hasDev && !n.last.at.IsZero() { // what was idle before the first look is long ago
		n.cpu = remember(n.cpu, s.cpu)
	}
	for name := range s.servers {
		if r, ok := n.rate(name); ok {
			n.msgs[name] = remember(n.msgs[name], r.msgs)
		}
	}
}

func remember(all []float64, v float64) []float64 {
	if len(all) == history {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, v)
}

// A rate is what a server, or all of a node's, does a second.
type rate struct{ msgs, errs, in, out float64 }

// rate is a server's, between the last two looks. There is none of one that is new, or that
// was started anew.
func (n *node) rate(name string) (r rate, ok bool) {
	now, last := n.now.servers[name], server{}
	last, ok = n.last.servers[name]
	dt := n.now.at.Sub(n.last.at).Seconds()
	if !ok || dt <= 0 || now.msgs < last.msgs {
		return r, false
	}
	per := func(a, b uint64) float64 { return float64(a-min(a, b)) / dt }
	return rate{per(now.msgs, last.msgs), per(now.errs, last.errs), per(now.in, last.in), per(now.out, last.out)}, true
}

// total is the rate of all of the node's servers.
func (n *node) total() (sum rate, ok bool) {
	for name := range n.now.servers {
		if r, k := n.rate(name); k {
			sum.msgs, sum.errs, sum.in, sum.out = sum.msgs+r.msgs, sum.errs+r.errs, sum.in+r.in, sum.out+r.out
			ok = true
		}
	}
	return sum, ok
}

// A busy is a process and how much of a processor it used between two looks.
type busy struct {
	process
	pid int
	cpu float64 // 1 is all of one processor; -1: not known yet
}

// processes are the node's, in the order that a key stands for.
func (n *node) processes(by byte) []busy {
	var all []busy
	dt := float64(n.now.at.Sub(n.last.at).Milliseconds())
	for pid, p := range n.now.list {
		b := busy{p, pid, -1}
		if was, ok := n.last.list[pid]; ok && dt > 0 && p.ms() >= was.ms() {
			b.cpu = float64(p.ms()-was.ms()) / dt
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b busy) int {
		switch by {
		case 'm':
			if c := cmp.Compare(b.Size, a.Size); c != 0 {
				return c
			}
		case 'n':
			if c := strings.Compare(a.Name, b.Name); c != 0 {
				return c
			}
		case 'c':
			if c := cmp.Or(cmp.Compare(b.cpu, a.cpu), cmp.Compare(b.ms(), a.ms())); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.pid, b.pid)
	})
	return all
}
