package devfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// kernel is the part of cons(3) that Linux tells.
func (f *FS) kernel() []entry {
	number := func(n int) func(context.Context, p9.Mode) (srv.Handle, error) {
		return text(func() (string, error) { return fmt.Sprintf("%11d ", n), nil })
	}
	return []entry{
		{name: "osversion", mode: 0o444, open: text(func() (string, error) {
			return strings.Join([]string{line(f.proc("sys/kernel/ostype")), line(f.proc("sys/kernel/osrelease")), line(f.proc("sys/kernel/version"))}, " "), nil
		})},
		{name: "config", mode: 0o444, open: text(f.config)},
		{name: "drivers", mode: 0o444, open: text(f.drivers)},
		{name: "sysstat", mode: 0o644, open: settable(f.sysstat, f.resetStat)},
		{name: "swap", mode: 0o444, open: text(f.swap)},
		{name: "pid", mode: 0o444, open: number(os.Getpid())},
		{name: "ppid", mode: 0o444, open: number(os.Getppid())},
		{name: "cputime", mode: 0o444, open: text(func() (string, error) { return cputime(time.Since(f.began)), nil })},
		{name: "kmesg", mode: 0o400, open: f.openKmesg},
		{name: "kprint", mode: 0o400, open: f.openKprint},
		{name: "reboot", mode: 0o200, open: settable(nil, f.reboot)},
	}
}

// config is in /proc, if Linux was configured to have it, or beside the kernel.
func (f *FS) config() (string, error) {
	r, err := os.Open(f.proc("config.gz"))
	if err != nil {
		b, berr := os.ReadFile("/boot/config-" + line(f.proc("sys/kernel/osrelease")))
		if berr != nil {
			return "", err
		}
		return string(b), nil
	}
	defer r.Close()
	cmd := exec.Command("gzip", "-dc") // a package would cost each command of nine 40 us at its start
	cmd.Stdin = r
	b, err := cmd.Output()
	return string(b), err
}

func (f *FS) drivers() (string, error) {
	b, err := os.ReadFile(f.proc("devices"))
	kind := ""
	var s strings.Builder
	for l := range strings.Lines(string(b)) {
		switch w := strings.Fields(l); {
		case len(w) == 2 && w[1] == "devices:":
			kind = strings.ToLower(w[0][:1])
		case len(w) >= 2:
			fmt.Fprintf(&s, "%s %s %s\n", kind, w[0], strings.Join(w[1:], " "))
		}
	}
	return s.String(), err
}

// reboot takes the word alone, so that nothing is ended by what was meant for another file.
func (f *FS) reboot(word string) error {
	if err := allowed(f.cfg.Reboot != nil); err != nil {
		return err
	}
	words := []string{"reboot", "halt", "poweroff"}
	if !slices.Contains(words, word) {
		return invalid("unknown control message %s: not one of %s", srv.Quote(word), strings.Join(words, ", "))
	}
	return cause(f.cfg.Reboot(word))
}

// swap makes Plan 9's pages of Linux's KiB.
func (f *FS) swap() (string, error) {
	b, err := os.ReadFile(f.proc("meminfo"))
	kib := map[string]int{}
	for l := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(l, ":")
		if w := strings.Fields(rest); len(w) > 0 {
			kib[name], _ = strconv.Atoi(w[0])
		}
	}
	page := os.Getpagesize()
	pages := func(kib int) int { return max(kib, 0) * 1024 / page }
	kernel := kib["Slab"] + kib["KernelStack"] + kib["PageTables"] + kib["Percpu"]
	used := kib["MemTotal"] - kib["MemAvailable"] - kib["SUnreclaim"] - kib["KernelStack"] - kib["PageTables"] - kib["Percpu"]
	return fmt.Sprintf("%d memory\n%d pagesize\n%d kernel\n%d/%d user\n%d/%d swap\n%d/%d kernel malloc\n0/0 kernel draw\n",
		kib["MemTotal"]*1024, page, pages(kernel), pages(used), pages(kib["MemTotal"]-kernel),
		pages(kib["SwapTotal"]-kib["SwapFree"]), pages(kib["SwapTotal"]), kib["Slab"]*1024, kib["MemTotal"]*1024), err
}

// A cpu is one processor's counts.
type cpu struct {
	switches, interrupts, faults, purges int64
	idle, irq, all                       int64 // ticks
}

// samples are what sysstat's percentages and counts are told from.
type samples struct {
	zero       []cpu // at the last write
	base, last []cpu
	at         time.Time // of last
}

// sysstat reads the counts, and takes a sample if the last is a second old.
func (f *FS) sysstat() (string, error) {
	cpus, err := f.cpus()
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.stats
	if time.Since(s.at) >= time.Second {
		s.base, s.last, s.at = s.last, cpus, time.Now()
	}
	load, _, _ := strings.Cut(line(f.proc("loadavg")), " ")
	milli, _ := strconv.ParseFloat(load, 64)
	var b strings.Builder
	for i, c := range cpus {
		var zero, base cpu
		if i < len(s.zero) {
			zero = s.zero[i]
		}
		if i < len(s.base) {
			base = s.base[i]
		}
		percent := func(now, then int64) int64 { return 100 * (now - then) / max(c.all-base.all, 1) }
		for _, n := range []int64{int64(i), c.switches - zero.switches, c.interrupts - zero.interrupts, 0, c.faults - zero.faults, 0,
			c.purges - zero.purges, int64(milli * 1000), percent(c.idle, base.idle), percent(c.irq, base.irq)} {
			fmt.Fprintf(&b, "%11d ", n)
		}
		b.WriteByte('\n')
		milli = 0
	}
	return b.String(), nil
}

func (f *FS) resetStat(string) error {
	cpus, err := f.cpus()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.zero = cpus
	return cause(err)
}

// cpus reads what Linux counts: proc_stat(5), proc_interrupts(5), proc_schedstat, proc_vmstat(5).
func (f *FS) cpus() ([]cpu, error) {
	stat, err := os.ReadFile(f.proc("stat"))
	if err != nil {
		return nil, err
	}
	var cpus []cpu
	var names []string
	for l := range strings.Lines(string(stat)) {
		w := strings.Fields(l)
		if len(w) < 8 || !strings.HasPrefix(w[0], "cpu") || w[0] == "cpu" {
			continue
		}
		var t [7]int64
		var c cpu
		for i := range t {
			t[i], _ = strconv.ParseInt(w[i+1], 10, 64)
			c.all += t[i]
		}
		c.idle, c.irq = t[3]+t[4], t[5]+t[6]
		cpus, names = append(cpus, c), append(names, w[0])
	}
	interrupts, _ := os.ReadFile(f.proc("interrupts"))
	for l := range strings.Lines(string(interrupts)) {
		w := strings.Fields(l)
		for i := range cpus {
			if i+1 >= len(w) {
				break
			}
			n, err := strconv.ParseInt(w[i+1], 10, 64)
			if err != nil {
				break
			}
			if cpus[i].interrupts += n; w[0] == "TLB:" {
				cpus[i].purges = n
			}
		}
	}
	if _, rest, ok := strings.Cut(string(stat), "\nctxt "); ok && len(cpus) > 0 {
		n, _, _ := strings.Cut(rest, "\n")
		cpus[0].switches, _ = strconv.ParseInt(n, 10, 64) // of all, unless we know better
	}
	sched, _ := os.ReadFile(f.proc("schedstat"))
	for l := range strings.Lines(string(sched)) {
		if w := strings.Fields(l); len(w) > 3 {
			if i := slices.Index(names, w[0]); i >= 0 {
				cpus[i].switches, _ = strconv.ParseInt(w[3], 10, 64)
			}
		}
	}
	vm, _ := os.ReadFile(f.proc("vmstat"))
	for l := range strings.Lines(string(vm)) {
		if n, ok := strings.CutPrefix(l, "pgfault "); ok && len(cpus) > 0 {
			cpus[0].faults, _ = strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		}
	}
	return cpus, nil
}
