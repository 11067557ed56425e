// Package devfs serves the machine's devices: the console, clocks and the rest of Plan 9's
// cons(3), storage as sd(3) has it, and what Linux's sysfs tells of sensors, leds and buses.
//
//	/                 0555
//	    cons          0600  the terminal
//	    consctl       0200  accepts rawon, rawoff; its close is a rawoff
//	    null          0666  reads as nothing, takes anything
//	    zero          0666  reads as zeros, takes anything
//	    full          0666  reads as zeros, takes nothing
//	    random        0666  random bytes; what is written is mixed in
//	    urandom       0666  the same
//	    time          0644  the time, in five numbers; accepts seconds
//	    bintime       0644  the first four, each 8 bytes; accepts n and d
//	    user          0444  who asks
//	    hostdomain    0644  Linux's domain name, or nothing; accepts another one
//	    hostowner     0444  whom devfs runs as
//	    sysname       0644  the machine's name; accepts another one
//	    osversion     0444  Linux's
//	    config        0444  how Linux was configured
//	    drivers       0444  a line for each driver: c or b, its number, its name
//	    sysstat       0644  a line of ten numbers for each processor; a write resets the counts
//	    swap          0444  how much memory there is, and is used
//	    pid           0444  devfs's process
//	    ppid          0444  its parent
//	    cputime       0444  its times, in six numbers
//	    kmesg         0400  what Linux has said; blocks until it says more
//	    kprint        0400  the same, only of what it says from the open on
//	    reboot        0200  accepts reboot, halt, poweroff
//	    gpio/         0555  pins, and chips of them
//	        CHIP/     0555
//	            NAME  0444  what sysfs says
//	            value 0644  and the direction, active_low and edge accept the same as there
//	    hwmon/        0555  sensors
//	        CHIP/     0555
//	            NAME  0444  temp1: "45.500 C Core 0", the number, its unit and the label
//	            pwm1  0644  0 to 255
//	    input/        0555  keyboards, mice
//	        EVENT/    0555
//	            NAME  0444  what sysfs says
//	            event 0400  blocks until something happens: a line for each
//	    leds/         0555
//	        LED/      0555
//	            NAME  0444
//	            brightness 0644  0 to max_brightness
//	            trigger    0644  accepts one of those that it reads as
//	    power/        0555  batteries and supplies
//	        SUPPLY/   0555
//	            NAME  0444
//	    rtc/          0555  clocks
//	        RTC/      0555
//	            NAME  0444
//	            wakealarm 0644  the second at which to wake, or +seconds
//	    thermal/      0555
//	        ZONE/     0555
//	            NAME  0444
//	    usb/          0555
//	        BUS/      0555
//	            NAME  0444  what sysfs says
//	            authorized 0644  0 or 1
//	            1-1/  0555  what is plugged in, and into that, and so on
//	                NAME 0444
//	                1-1.4/ 0555
//	                    NAME 0444
//	    watchdog/     0555
//	        DOG/      0555
//	            NAME  0444
//	            ctl   0600  accepts start, keepalive, stop, timeout seconds
//	    SDXX/         0555  a disk: sd and Linux's name for it, which may begin with sd itself
//	        ctl       0640  reads as below; accepts part name start end, delpart name
//	        raw       0600  its own commands, SCSI's
//	        data      0640  all of it
//	        PART      0640  a partition, p and its number
//
// All is the owner's whom devfs runs as, and storage the group's that Linux has for it:
// only the owner opens that for writing. What Linux refuses devfs's user it refuses.
//
// # Numbers
//
// Time is seconds, 11 columns and a blank, and ns, ticks, ticks a second, and ns since the
// boot, 21 columns and a blank each. A tick is a ns. Bintime has the last four in 8 bytes
// each, the most significant first; what is written to it is n and 8 bytes, the ns to set, or
// d, 8 bytes and 4 bytes, the ns to trim by over so many seconds, at Linux's rate.
//
// Cputime's numbers, 11 columns and a blank, are ms: in user code, in the system, since the
// start, and the first two of children that have ended, with a 0 for the third, which Linux
// does not keep.
//
// Sysstat's numbers, 11 columns and a blank, are the processor's number, context switches,
// interrupts, system calls, page faults, TLB faults, TLB purges, load in thousandths,
// and percentages of time idle and in interrupts. Linux does not count calls and TLB faults,
// which are 0, and faults, load and, without schedstat, switches for all processors together,
// which is on the first's line. The percentages are of the time since somebody looked a
// second ago or more.
//
// Swap's lines are number and name: memory and pagesize in bytes, kernel in pages,
// user and swap in pages used/all, kernel malloc in bytes used/all.
//
// # Storage
//
// Ctl reads as inquiry, with the maker's name and model; config with some of Linux's own
// words for it; geometry sectors size; and part name start end, a line for each, in sectors.
// Data is a partition of them, which part can't name. The commands change what
// Linux takes for partitions and write nothing to the disk.
//
// Raw takes the bytes of a command; then a read or write is its data, which may be none,
// and the read after that its status, a decimal number.
//
// # Events
//
// A line is "seconds type code value": type is a word (key, rel, abs, msc, sw) or a number,
// the others are numbers of linux/input-event-codes.h.
package devfs

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says where devices are, and what devfs may do to the machine: a func that is
// nil is never done, and asking for it is permission denied.
type Config struct {
	Proc, Sys, Dev string // where Linux has those; "" is /proc, /sys, /dev
	Cons           string // the terminal's file; "" for none

	SetTime func(time.Time) error                               // sets the clock
	Adjust  func(delta time.Duration, over time.Duration) error // trims it
	SetName func(name string) error                             // sets the machine's name
	Domain  func(name string) error                             // sets its domain's; "" for none
	Reboot  func(word string) error                             // reboot, halt or poweroff
}

// An FS is the served tree.
type FS struct {
	*dir
	cfg   Config
	start srv.Node
	began time.Time

	mu    sync.Mutex
	paths map[string]uint64   // numbers of qids, by path
	dogs  map[string]*os.File // watchdogs that were started
	stats samples
}

// New makes the tree.
func New(cfg Config) *FS {
	for _, d := range []struct {
		s    *string
		word string
	}{{&cfg.Proc, "/proc"}, {&cfg.Sys, "/sys"}, {&cfg.Dev, "/dev"}} {
		if *d.s == "" {
			*d.s = d.word
		}
	}
	f := &FS{cfg: cfg, start: srv.NewNode(0), began: time.Now(), paths: map[string]uint64{}, dogs: map[string]*os.File{}}
	table := append(f.console(), f.kernel()...)
	for _, c := range classes() {
		table = append(table, entry{name: c.name, mode: fs.ModeDir | 0o555, ents: func() []entry { return f.class(&c) }})
	}
	f.dir = &dir{node{f, "/", entry{mode: fs.ModeDir | 0o555, ents: func() []entry {
		return append(table[:len(table):len(table)], f.disks()...)
	}}}}
	return f
}

// Close stops the watchdogs that were started.
func (f *FS) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, dog := range f.dogs {
		stopDog(dog)
		delete(f.dogs, name)
	}
}

func (f *FS) proc(name string) string { return filepath.Join(f.cfg.Proc, name) }

// line reads a file's first line, "" where there is none.
func line(name string) string {
	b, _ := os.ReadFile(name)
	s, _, _ := strings.Cut(string(b), "\n")
	return s
}

// text makes the open of a file that reads as a text.
func text(read func() (string, error)) func(context.Context, p9.Mode) (srv.Handle, error) {
	return func(context.Context, p9.Mode) (srv.Handle, error) {
		s, err := read()
		return srv.Bytes(s), cause(err)
	}
}

// settable makes the open of a file that reads as a text, and that accepts one.
func settable(read func() (string, error), write func(s string) error) func(context.Context, p9.Mode) (srv.Handle, error) {
	return func(_ context.Context, mode p9.Mode) (srv.Handle, error) {
		h := &settableHandle{write: write}
		if mode.Readable() && read != nil {
			s, err := read()
			if err != nil {
				return nil, cause(err)
			}
			h.text = srv.Bytes(s)
		}
		return h, nil
	}
}

type settableHandle struct {
	text  srv.Bytes
	write func(string) error
}

func (h *settableHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return h.text.Read(ctx, p, off)
}

func (h *settableHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	if err := h.write(strings.TrimSuffix(string(p), "\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}
