package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errEnd is what the machine is to do: reboot(2)'s command.
type errEnd int

func (e errEnd) Error() string {
	return map[errEnd]string{unix.LINUX_REBOOT_CMD_RESTART: "reboot", unix.LINUX_REBOOT_CMD_POWER_OFF: "halt", unix.LINUX_REBOOT_CMD_KEXEC: "kexec"}[e]
}

// signals takes what the first process passes on.
func (n *node) signals(ctx context.Context) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, unix.SIGPWR)
	defer signal.Stop(ch)
	select {
	case s := <-ch:
		if s == syscall.SIGINT {
			n.cancel(errEnd(unix.LINUX_REBOOT_CMD_RESTART))
		} else {
			n.cancel(errEnd(unix.LINUX_REBOOT_CMD_POWER_OFF))
		}
	case <-ctx.Done():
	}
}

// end does to the machine what it has been told.
func (n *node) end(why error) error {
	var what errEnd
	if !errors.As(why, &what) {
		return why
	}
	n.log.Printf("init: %v", what)
	unix.Kill(-1, unix.SIGTERM)
	unix.Kill(-1, unix.SIGCONT)
	for limit := time.Now().Add(2 * time.Second); time.Now().Before(limit) && others(); {
		time.Sleep(20 * time.Millisecond)
	}
	unix.Kill(-1, unix.SIGKILL)
	unix.Sync()
	return fmt.Errorf("%v: %w", what, unix.Reboot(int(what)))
}

// others reports whether there are processes besides the first, this one and the kernel's.
func others() bool {
	ents, _ := os.ReadDir("/proc")
	return slices.ContainsFunc(ents, func(e fs.DirEntry) bool {
		name := e.Name()
		if name == "1" || name[0] < '0' || name[0] > '9' || name == fmt.Sprint(os.Getpid()) {
			return false
		}
		exe, err := os.Readlink("/proc/" + name + "/exe")
		return err == nil && exe != ""
	})
}
