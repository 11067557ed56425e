package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/test/guest/inside"
)

// setup readies the guest.
func setup() error {
	line, err := inside.Setup("/ref")
	if line != nil {
		out.Writer = line
	}
	return err
}

// end turns the machine off.
func end() {
	say("end", "", "")
	line, _ := out.Writer.(*os.File)
	inside.End(line)
}

// hang has the kernel write on the console what it waits for, and ends the guest.
func hang() {
	os.WriteFile("/proc/sysrq-trigger", []byte("w"), 0)
	buf := make([]byte, 1<<16)
	os.Stderr.Write(buf[:runtime.Stack(buf, true)])
	end()
}

// Two users of no account on the host.
const ann, bob = 61001, 61002

// as runs f as another user, with that number as its only group too, on a thread
// that ends with it.
func as(uid int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		for _, c := range []struct{ trap, a, b, c uintptr }{
			{unix.SYS_SETGROUPS, 0, 0, 0},
			{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, e := syscall.RawSyscall(c.trap, c.a, c.b, c.c); e != 0 {
				done <- fmt.Errorf("to become user %d: %w", uid, e)
				return
			}
		}
		done <- f()
	}()
	return <-done
}
