// Package trees has the trees of this machine that others may ask for, by name.
//
//	/any/dir   the directory, beneath the root that is exported
//	#s/name    the server posted as name by the user who serves
//	/net       netfs's, where the machine has no such directory
//	/mnt/proc  procfs's, likewise
package trees

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/exportfs"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/diskfs"
	"ninespace/srv/netfs"
	"ninespace/srv/p9"
	"ninespace/srv/procfs"
)

// A Config says what may be had. The zero Config has all.
type Config struct {
	Root       string             // the directory that is exported; "" is /
	ReadOnly   bool               // nothing can be changed
	Patterns   *exportfs.Patterns // which of its files; nil: all
	Server     string             // dial string of the server that is all there is; "": none
	Restricted bool               // no network
}

// whole tells whether all that is here may be had.
func (c *Config) whole() bool {
	return (c.Root == "" || c.Root == "/") && !c.ReadOnly && c.Patterns == nil
}

// Export gives the trees.
func (c *Config) Export() *exportfs.Export { return &exportfs.Export{Open: c.open, Dial: c.dial} }

func (c *Config) dial(ctx context.Context, aname string) (net.Conn, error) {
	to := c.Server
	if to != "" && aname != "" && aname != "/" {
		return nil, p9.NewError(unix.ENOENT, "no such tree: "+aname)
	}
	if to == "" {
		name, ok := strings.CutPrefix(aname, "#s/")
		if !ok {
			return nil, nil
		}
		if to = name; !c.whole() || srv.CheckName(name) != nil || strings.Contains(name, "!") {
			return nil, p9.NewError(unix.ENOENT, "no such tree: "+aname)
		}
	}
	return client.DialStream(ctx, to, "564")
}

func (c *Config) open(_ context.Context, aname string) (srv.File, error) {
	if aname != "" && aname[0] != '/' {
		return nil, p9.NewError(unix.ENOENT, "no such tree: "+aname)
	}
	aname = path.Clean("/" + aname)
	f, err := c.directory(aname)
	if err == nil || !c.whole() || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	switch {
	case aname == "/net" && !c.Restricted:
		return netfs.New(netfs.Config{Ndb: "/lib/ndb/local"}), nil
	case aname == "/mnt/proc":
		return procfs.New(), nil
	}
	return nil, err
}

// directory gives one beneath the root. Links in the name are followed, and lead no
// further than that.
func (c *Config) directory(name string) (srv.File, error) {
	root := c.Root
	if root == "" {
		root = "/"
	}
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	defer unix.Close(top)
	fd, err := unix.Openat2(top, "."+name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return nil, p9.NewError(err.(unix.Errno), fmt.Sprintf("%s: %v", name, p9.ErrorOf(err)))
	}
	defer unix.Close(fd)
	var opts []diskfs.Option
	if c.ReadOnly {
		opts = append(opts, diskfs.ReadOnly())
	}
	tree, err := diskfs.New(fmt.Sprintf("/proc/self/fd/%d", fd), opts...)
	if err != nil || c.Patterns == nil {
		return tree, err
	}
	some, err := c.Patterns.Tree(tree, name)
	if err != nil {
		tree.(io.Closer).Close()
		return nil, err
	}
	return some, nil
}
