package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/users"
)

// Where the parts of roots from a file server are, each in a directory of its number:
//
//	base   the server's, read only
//	layer  in memory, takes what is written
//	all    both, until it is moved to /
//
// and files that have the number of the one in use, and the names of takenAlong that are alone
// and not there.
const (
	roots    = "/run/root"
	rootNow  = roots + "/now"
	rootNone = roots + "/none"
)

// takenAlong is what the image says, or the node has made, that holds below the other root
// too: in place of what is there, and where nothing is. What is the image's alone is not there
// where the image has none.
var takenAlong = [...]struct {
	name           string
	instead, alone bool
}{
	{"/etc/resolv.conf", true, false}, {users.File, true, true}, {signers, true, true}, {authority, true, true},
	{hostKey, true, true}, {hostKey + ".pub", true, true}, {hostCert, true, true},
	{"/etc/passwd", false, false}, {"/etc/group", false, false}, {nsfile, false, false},
}

// nsfile is where an image has a name space of its own.
const nsfile = "/lib/namespace"

// root puts the tree of the boot file server below all that is started from now on: read
// only and with a layer above it that takes what is written, so that the node leaves
// nothing anywhere. Where there is one already, whose server has gone, it comes above that.
func (n *node) root(ctx context.Context) error {
	number := 1 + rootNumber()
	if err := n.layered(ctx, fmt.Sprintf("%s/%d", roots, number)); err != nil {
		n.startServices(ctx) // so that somebody may look at what is wrong
		return errAgain{fmt.Errorf("%s: %w", n.params.Root, err)}
	}
	if err := os.WriteFile(rootNow, []byte(fmt.Sprint(number)), 0o600); err != nil {
		return err
	}
	n.log.Printf("init: / is %s", n.params.Root)
	if !n.startServices(ctx) {
		for _, s := range n.services {
			s.again()
		}
	}
	return nil
}

// rootNumber is that of the root in use, 0 for that of the image.
func rootNumber() (number int) {
	b, _ := os.ReadFile(rootNow)
	fmt.Sscan(string(b), &number)
	return number
}

// watchRoot has a new root made when the server of the present one has gone and comes again:
// the kernel does not do so for a mount that is there.
func (n *node) watchRoot(ctx context.Context) {
	for {
		select {
		case <-time.After(rootLook):
		case <-ctx.Done():
			return
		}
		var st unix.Statfs_t
		if err := unix.Statfs(fmt.Sprintf("%s/%d/base", roots, rootNumber()), &st); err != nil {
			n.log.Printf("init: root: %s is lost: %v", n.params.Root, err)
			n.do(ctx, "root", n.root)
		}
	}
}

// rootLook is how often it is looked whether the root's server is there.
const rootLook = 5 * time.Second

// layered makes the new root in a directory, which is below, and moves it over the image's.
func (n *node) layered(ctx context.Context, dir string) (err error) {
	if strings.Contains(n.params.Aname+n.params.Uname, ",") {
		return fmt.Errorf("nine.aname=%s nine.uname=%s: a comma cannot be in them", n.params.Aname, n.params.Uname)
	}
	ctx, cancel := context.WithTimeout(ctx, rootTime)
	defer cancel()
	base, layer, all := below+dir+"/base", below+dir+"/layer", below+dir+"/all"
	defer func() {
		if err != nil {
			for _, d := range []string{all, layer, base} {
				unix.Unmount(d, unix.MNT_DETACH)
			}
		}
	}()
	for _, d := range []string{base, layer, all} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := n.mountRoot(ctx, base); err != nil {
		return err
	}
	if err := unix.Mount("layer", layer, "tmpfs", 0, "mode=755,size=15%"); err != nil {
		return fmt.Errorf("mount the layer's memory: %w", err)
	}
	for _, d := range []string{"/upper", "/work"} {
		if err := os.Mkdir(layer+d, 0o755); err != nil {
			return err
		}
	}
	opts := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", base, layer, layer)
	if err := unix.Mount("root", all, "overlay", 0, opts); err != nil {
		return fmt.Errorf("mount the layer: %w", err)
	}
	if err := takeAlong(all, dir+"/base"); err != nil {
		return err
	}
	return n.moveRoot(dir)
}

// below is the image's own root, whatever lies upon it: that of the first process.
const below = "/proc/1/root"

// rootTime is how long a file server may take to answer.
const rootTime = 10 * time.Second

// moveRoot has the new root lie upon the image's, in the place of the one that does so now,
// whose memory is free again when the last of those who run there has ended. setns(2) takes
// for the root what lies topmost on the first one: a chroot would not be enough. Nobody
// is started meanwhile.
func (n *node) moveRoot(dir string) error {
	for _, s := range n.services {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if err := syscall.Chroot(below); err != nil {
		return fmt.Errorf("enter the image's root: %w", err)
	}
	defer enterRoot()
	old := rootNumber()
	if old > 0 {
		if err := unix.Unmount("/..", unix.MNT_DETACH); err != nil {
			return fmt.Errorf("take away the old root: %w", err)
		}
	}
	if err := unix.Mount(dir+"/all", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move to /: %w", err)
	}
	if old > 0 {
		for _, d := range []string{"layer", "base"} {
			unix.Unmount(fmt.Sprintf("%s/%d/%s", roots, old, d), unix.MNT_DETACH)
		}
	}
	return nil
}

// takeAlong puts into the new root what it needs of this one.
func takeAlong(all, base string) error {
	in, err := openInside(all)
	if err != nil {
		return err
	}
	defer in.Close()
	b, _ := os.ReadFile(rootNone)
	none, err := takeFiles(in, "", strings.Fields(string(b)))
	if err != nil {
		return err
	}
	if err := os.WriteFile(rootNone, []byte(strings.Join(none, "\n")), 0o600); err != nil {
		return err
	}
	for _, name := range []string{"/proc", "/sys", "/dev", "/tmp", "/run", base, self} {
		// Of /run not all that is mounted in it: the new root is.
		if err := in.bind(below+name, name, unix.MS_REC*isnt(name, "/run")); err != nil {
			return err
		}
	}
	root, err := in.dir("/root")
	if err != nil {
		return err
	}
	return root.Close()
}

// takeFiles puts the files of takenAlong into it, from the image's root or one that came after
// it. Where that is one whose server has gone nothing tells what is not there, so that is said
// from time to time: which of those that are alone were not there the last time, and are not now.
func takeFiles(in inside, image string, before []string) (none []string, err error) {
	for _, f := range takenAlong {
		b, err := os.ReadFile(image + f.name)
		switch {
		case f.alone && (errors.Is(err, fs.ErrNotExist) || err != nil && slices.Contains(before, f.name)):
			if err := in.remove(f.name); err != nil {
				return nil, err
			}
			none = append(none, f.name)
			continue
		case f.alone && err != nil:
			return nil, err
		case err != nil || !f.instead && in.has(f.name):
			continue
		}
		mode := uint32(0o644)
		if f.name == hostKey {
			mode = 0o600
		}
		if err := in.write(f.name, b, mode); err != nil {
			return nil, err
		}
	}
	return none, nil
}

// enterRoot makes what has been moved over the root this process's root: .. of the root is
// what lies on it.
func enterRoot() error {
	return errors.Join(syscall.Chroot("/.."), os.Chdir("/"))
}
