package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"ninespace/initramfs"
)

// modules is where the image has the kernel's.
const modules = "/lib/modules"

// modules loads what is to be loaded and has the kernel ask us for what it wants later.
func (n *node) modules(context.Context) error {
	l, err := initramfs.NewLoader(modules)
	if err != nil {
		return err
	}
	failed := os.WriteFile("/proc/sys/kernel/modprobe", []byte("/init"), 0)
	b, err := os.ReadFile(modules + "/load")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(failed, l.Load(strings.Fields(string(b))...), l.LoadHardware())
}

// Modprobe is what the kernel starts when it wants a module: it has this program's name
// and the arguments -q -- alias.
func Modprobe(args []string) error {
	l, err := initramfs.NewLoader(modules)
	if err != nil {
		return err
	}
	_, err = l.LoadFor(args[len(args)-1])
	return err
}
