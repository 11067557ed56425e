package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/users"
	"ninespace/srv/client"
)

// Where the parts of roots from a file server are, each in a directory of its number:
//
//	base   the server's, read only
//	layer  in memory, takes what is written
//	all    both, until it is moved to /
//
// and the file that has the number of the one in use.
const (
	roots   = "/run/root"
	rootNow = roots + "/now"
)

// takenAlong is what the image says, or the node has made, that holds below the other root
// too: in place of what is there, and where nothing is.
var takenAlong = [...]struct {
	name    string
	instead bool
}{
	{"/etc/resolv.conf", true}, {users.File, true}, {signers, true}, {authority, true},
	{hostKey, true}, {hostKey + ".pub", true}, {hostCert, true},
	{"/etc/passwd", false}, {"/etc/group", false}, {nsfile, false},
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
	if err := errors.Join(os.WriteFile(rootNow, []byte(fmt.Sprint(number)), 0o600), enterRoot()); err != nil {
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

// layered makes the new root and moves it over the old one.
func (n *node) layered(ctx context.Context, dir string) (err error) {
	if strings.Contains(n.params.Aname, ",") {
		return fmt.Errorf("nine.aname=%s: a comma cannot be in it", n.params.Aname)
	}
	ctx, cancel := context.WithTimeout(ctx, rootTime)
	defer cancel()
	conn, err := client.DialStream(ctx, n.params.Root, "564")
	if err != nil {
		return err
	}
	defer conn.Close()
	socket, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return errors.New("no socket")
	}
	file, err := socket.File()
	if err != nil {
		return err
	}
	defer file.Close()
	base, layer, all := dir+"/base", dir+"/layer", dir+"/all"
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
	opts := fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=%d,access=any,cache=loose,uname=root,aname=%s", file.Fd(), file.Fd(), 1<<20, n.params.Aname)
	if err := mountIn(ctx, conn, base, opts); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := unix.Mount("layer", layer, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", layer, err)
	}
	for _, d := range []string{"/upper", "/work"} {
		if err := os.Mkdir(layer+d, 0o755); err != nil {
			return err
		}
	}
	opts = fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", base, layer, layer)
	if err := unix.Mount("root", all, "overlay", 0, opts); err != nil {
		return fmt.Errorf("mount the layer: %w", err)
	}
	if err := takeAlong(all, base); err != nil {
		return err
	}
	// setns(2) takes for the root what lies topmost on the first one: a chroot would not
	// be enough.
	if err := unix.Mount(all, "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move to /: %w", err)
	}
	return nil
}

// rootTime is how long a file server may take to answer.
const rootTime = 10 * time.Second

// mountIn mounts the server's tree, unless ctx ends first: then the connection is cut, for
// which the kernel gives up.
func mountIn(ctx context.Context, conn io.Closer, base, opts string) error {
	done := make(chan error, 1)
	go func() { done <- unix.Mount(base, base, "9p", unix.MS_RDONLY|unix.MS_NOSUID, opts) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite()
		}
		if c, ok := conn.(interface{ CloseRead() error }); ok {
			c.CloseRead()
		}
		return errors.Join(errors.New("no answer"), <-done)
	}
}

// takeAlong puts into the new root what it needs of this one.
func takeAlong(all, base string) error {
	for _, f := range takenAlong {
		b, err := os.ReadFile(f.name)
		if _, there := os.Stat(all + f.name); err != nil || there == nil && !f.instead {
			continue
		}
		mode := os.FileMode(0o644)
		if f.name == hostKey {
			mode = 0o600
		}
		os.Remove(all + f.name) // a symbolic link, perhaps
		if err := errors.Join(os.MkdirAll(filepath.Dir(all+f.name), 0o755), os.WriteFile(all+f.name, b, mode)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/tmp", "/run", base, self} {
		if dir != self {
			if err := os.MkdirAll(all+dir, 0o755); err != nil {
				return err
			}
		}
		// Of /run not all that is mounted in it: the new root is.
		if err := unix.Mount(dir, all+dir, "", unix.MS_BIND|unix.MS_REC*isnt(dir, "/run", ""), ""); err != nil {
			return fmt.Errorf("bind %s: %w", dir, err)
		}
	}
	return os.MkdirAll(all+"/root", 0o700)
}

// enterRoot makes what has been moved over the root this process's root: .. of the root is
// what lies on it.
func enterRoot() error {
	return errors.Join(syscall.Chroot("/.."), os.Chdir("/"))
}
