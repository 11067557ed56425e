package devfs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// now asks the clocks.
func now() moment {
	var real, mono, boot unix.Timespec
	unix.ClockGettime(unix.CLOCK_REALTIME, &real)
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono)
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	return moment{real.Nano(), mono.Nano(), boot.Nano()}
}

// SetTime sets Linux's clock, clock_settime(2).
func SetTime(t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}

// Adjust trims Linux's clock bit by bit, adjtime(3). Linux does so by half a ms a second,
// so that over, which asks for no faster one, is not needed.
func Adjust(delta, _ time.Duration) error {
	t := unix.Timex{Modes: unix.ADJ_OFFSET_SINGLESHOT}
	set(&t.Offset, delta.Microseconds())
	_, err := unix.Adjtimex(&t)
	return err
}

// set is for a field that has another type on other machines.
func set[T int32 | int64](p *T, n int64) { *p = T(n) }

// SetName sets the machine's name, sethostname(2).
func SetName(name string) error { return unix.Sethostname([]byte(name)) }

// SetDomain sets the machine's domain, setdomainname(2).
func SetDomain(name string) error {
	if name == "" {
		name = "(none)" // as Linux begins
	}
	return unix.Setdomainname([]byte(name))
}

// cputime tells what this process has used, getrusage(2), after so long.
func cputime(real time.Duration) string {
	var own, children unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &own)
	unix.Getrusage(unix.RUSAGE_CHILDREN, &children)
	ms := func(t unix.Timeval) int64 { return t.Nano() / 1e6 }
	return fmt.Sprintf("%11d %11d %11d %11d %11d %11d ", ms(own.Utime), ms(own.Stime), real.Milliseconds(), ms(children.Utime), ms(children.Stime), 0)
}

// Reboot writes all to the disks and does what the word says, reboot(2).
func Reboot(word string) error {
	unix.Sync()
	return unix.Reboot(int(map[string]uint32{
		"reboot": unix.LINUX_REBOOT_CMD_RESTART, "halt": unix.LINUX_REBOOT_CMD_HALT, "poweroff": unix.LINUX_REBOOT_CMD_POWER_OFF,
	}[word]))
}

// stopDog tells a watchdog that it is not forgotten, but at its end.
func stopDog(dog *os.File) error {
	_, err := dog.WriteString("V")
	if cerr := dog.Close(); err == nil {
		err = cerr
	}
	return err
}

// dogCtl makes a watchdog's ctl. It is started by being opened, and bites if it is not told
// to be kept alive.
func (f *FS) dogCtl(name string) srv.File {
	with := func(min int, usage string, do func(dog *os.File, args []string) error) func(context.Context, []string) error {
		return func(_ context.Context, args []string) error {
			if len(args) != min {
				return invalid("usage: %s", usage)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			dog := f.dogs[name]
			if dog == nil && usage != "start" {
				return p9.NewError(syscall.ENXIO, "not started")
			}
			return cause(do(dog, args))
		}
	}
	read := func(context.Context) (string, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.dogs[name] != nil {
			return "started\n", nil
		}
		return "stopped\n", nil
	}
	return srv.Cmds(0o600, read, map[string]func(context.Context, []string) error{
		"start": with(0, "start", func(dog *os.File, _ []string) (err error) {
			if dog == nil {
				if dog, err = os.OpenFile(f.cfg.Dev+"/"+name, os.O_WRONLY, 0); err == nil {
					f.dogs[name] = dog
				}
			}
			return err
		}),
		"keepalive": with(0, "keepalive", func(dog *os.File, _ []string) error {
			_, err := dog.WriteString("k")
			return err
		}),
		"stop": with(0, "stop", func(dog *os.File, _ []string) error {
			delete(f.dogs, name)
			return stopDog(dog)
		}),
		"timeout": with(1, "timeout seconds", func(dog *os.File, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > 1<<20 {
				return invalid("seconds %s are not from 1 to %d", srv.Quote(args[0]), 1<<20)
			}
			if err := unix.IoctlSetPointerInt(int(dog.Fd()), unix.WDIOC_SETTIMEOUT, n); err != nil {
				return fmt.Errorf("timeout %d: %w", n, err)
			}
			return nil
		}),
	})
}
