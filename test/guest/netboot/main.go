//go:build linux

// Netboot is the init of a guest that was booted over the network: it says, on the first
// serial port, what command line it was given, and turns the guest off.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	defer unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Println("mount:", err)
	}
	line, err := os.ReadFile("/proc/cmdline")
	fmt.Printf("booted: %s %v\n", line, err)
	unix.IoctlSetInt(1, unix.TCSBRK, 1) // until it is sent
}
