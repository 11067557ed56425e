package client

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootClock is CLOCK_BOOTTIME, clock_gettime(2).
func bootClock() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}

// An alarm does something when a time of bootClock comes; one that came while the machine was
// suspended, as it wakes up: timerfd_create(2).
type alarm struct{ f *os.File }

func newAlarm(do func()) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &alarm{os.NewFile(uintptr(fd), "timer")}
	go func() {
		for times := make([]byte, binary.Size(uint64(0))); ; do() {
			if _, err := a.f.Read(times); err != nil {
				return
			}
		}
	}()
	return a, nil
}

// set has the alarm be at a time, and not at the one that it was set to before.
func (a *alarm) set(at time.Duration) {
	if c, err := a.f.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) {
			unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(at))}, nil)
		})
	}
}

func (a *alarm) stop() { a.f.Close() }
