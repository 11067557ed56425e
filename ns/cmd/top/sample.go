package top

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"ninespace/srv/procfs"
)

// A sample is what a node's files said at one time.
type sample struct {
	at       time.Time
	hasDev   bool
	cpu      float64 // of all processors, 0 to 1
	mem, all uint64  // bytes used, and there
	procs    int     // -1: unknown
	servers  map[string]server
	list     map[int]process // nil: not asked for
}

// A server is what the file of its name in stats says.
type server struct {
	conns, fids, busy uint64 // now
	msgs, errs        uint64 // since it began
	in, out           uint64
}

// A process is what its status says.
type process struct {
	procfs.Status
	args string // of the program, its name where there are none
}

// ms is the time of processors that it has used.
func (p process) ms() int64 { return (p.Utime + p.Stime).Milliseconds() }

// read reads a node's files, its processes too where that is wanted, of which last is
// what is known already.
func read(dir string, list bool, last map[int]process) sample {
	s := sample{at: time.Now(), procs: -1, servers: map[string]server{}}
	if text, err := os.ReadFile(filepath.Join(dir, "dev/sysstat")); err == nil {
		s.cpu, s.hasDev = sysstat(string(text)), true
	}
	if text, err := os.ReadFile(filepath.Join(dir, "dev/swap")); err == nil {
		s.mem, s.all = swap(string(text))
	}
	names, _ := os.ReadDir(filepath.Join(dir, "stats"))
	for _, e := range names {
		if strings.HasSuffix(e.Name(), ".log") || strings.HasSuffix(e.Name(), ".prom") {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, "stats", e.Name())); err == nil {
			s.servers[e.Name()] = stats(string(text))
		}
	}
	ents, err := os.ReadDir(filepath.Join(dir, "proc"))
	if err != nil {
		return s
	}
	var pids []int
	for _, e := range ents {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	s.procs = len(pids)
	if list {
		s.list = processes(filepath.Join(dir, "proc"), pids, last)
	}
	return s
}

// atOnce is how many processes are asked at the same time, as a node may be far.
const atOnce = 32

func processes(dir string, pids []int, last map[int]process) map[int]process {
	all := make(map[int]process, len(pids))
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(atOnce, len(pids)) {
		wg.Go(func() {
			for pid := range next {
				text, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(pid), "status"))
				if err != nil {
					continue // it has ended
				}
				if st, ok := procfs.ParseStatus(string(text)); ok {
					p := process{Status: st}
					if was, ok := last[pid]; ok && was.Name == p.Name {
						p.args = was.args
					} else {
						args, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(pid), "args"))
						p.args = cmp.Or(procfs.Printable(string(args)), p.Name)
					}
					mu.Lock()
					all[pid] = p
					mu.Unlock()
				}
			}
		})
	}
	for _, pid := range pids {
		next <- pid
	}
	close(next)
	wg.Wait()
	return all
}

// sysstat gives how much of the processors is not idle: a line each has that, in
// hundredths, as its ninth number.
func sysstat(text string) float64 {
	idle, n := 0.0, 0.0
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 8 {
			v, _ := strconv.ParseFloat(f[8], 64)
			idle += v / 100
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return min(1, max(0, 1-idle/n))
}

// swap gives the bytes that are used and those that there are, of lines such as "4096
// pagesize" and "1200/80000 user".
func swap(text string) (used, all uint64) {
	page := uint64(4096)
	for line := range strings.Lines(text) {
		number, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case "pagesize":
			page, _ = strconv.ParseUint(number, 10, 64)
		case "user":
			a, b, _ := strings.Cut(number, "/")
			used, _ = strconv.ParseUint(a, 10, 64)
			all, _ = strconv.ParseUint(b, 10, 64)
		}
	}
	return used * page, all * page
}

// stats reads a server's counts: "conns 3", "in 12 bytes", "Twalk n 12 err 0 mean ...".
func stats(text string) (s server) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		number := func(i int) (v uint64) {
			if i < len(f) {
				v, _ = strconv.ParseUint(f[i], 10, 64)
			}
			return v
		}
		switch {
		case len(f) < 2:
		case f[0] == "conns":
			s.conns = number(1)
		case f[0] == "fids":
			s.fids = number(1)
		case f[0] == "inflight":
			s.busy = number(1)
		case f[0] == "in":
			s.in = number(1)
		case f[0] == "out":
			s.out = number(1)
		case f[0][0] == 'T':
			s.msgs += number(2)
			if f[0] != "Twalk" && f[0] != "Tgetattr" { // of names that are not there, which is no fault
				s.errs += number(4)
			}
		}
	}
	return s
}
