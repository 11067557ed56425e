package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv/client"
)

// root puts the tree of the boot file server below all that is started from now on: read
// only and with a layer above it, in memory, that takes what is written. nine stays this
// one, in /run.
func (n *node) root(ctx context.Context) error {
	const base, layer, root = "/run/root/base", "/run/root/layer", "/run/root/all"
	conn, err := client.DialStream(ctx, n.params.Root, "564")
	if err != nil {
		return errAgain{err}
	}
	defer conn.Close()
	file, err := conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return err
	}
	defer file.Close()
	for _, d := range []string{base, layer, root} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	opts := fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=1048576,access=any,cache=loose,aname=%s", file.Fd(), file.Fd(), n.params.Aname)
	if strings.Contains(n.params.Aname, ",") {
		return fmt.Errorf("nine.aname=%s: a comma cannot be in it", n.params.Aname)
	}
	if err := unix.Mount("root", base, "9p", unix.MS_RDONLY|unix.MS_NOSUID, opts); err != nil {
		return errAgain{fmt.Errorf("mount %s: %w", n.params.Root, err)}
	}
	undo := func(err error) error {
		unix.Unmount(root, unix.MNT_DETACH)
		unix.Unmount(layer, unix.MNT_DETACH)
		unix.Unmount(base, unix.MNT_DETACH)
		return err
	}
	if err := unix.Mount("layer", layer, "tmpfs", 0, "mode=755"); err != nil {
		return undo(fmt.Errorf("mount %s: %w", layer, err))
	}
	for _, d := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(layer, d), 0o755); err != nil {
			return undo(err)
		}
	}
	opts = fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", base, layer, layer)
	if err := unix.Mount("root", root, "overlay", 0, opts); err != nil {
		return undo(fmt.Errorf("mount the layer over %s: %w", n.params.Root, err))
	}
	// What this system's own files say of its network goes along.
	for _, name := range []string{"/etc/resolv.conf", "/etc/ninespace/users"} {
		if b, err := os.ReadFile(name); err == nil {
			os.MkdirAll(filepath.Dir(root+name), 0o755)
			if err := os.WriteFile(root+name, b, 0o644); err != nil {
				return undo(err)
			}
		}
	}
	for _, d := range []string{"proc", "sys", "dev", "run", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return undo(err)
		}
		if err := unix.Mount("/"+d, filepath.Join(root, d), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return undo(fmt.Errorf("bind /%s: %w", d, err))
		}
	}
	if err := errors.Join(syscall.Chroot(root), os.Chdir("/")); err != nil {
		return undo(err)
	}
	n.log.Printf("init: / is %s", n.params.Root)
	return nil
}
