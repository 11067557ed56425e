package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/srv/client"
)

// dialRoot connects to the root's server, by tls!host!port through a door of exportfs's or
// cpud's, where each end shows its key, or else by any other dial string, where none does. It
// gives the socket on which the kernel is to speak 9P and the tree that it asks for there.
func (n *node) dialRoot(ctx context.Context) (socket *os.File, aname string, err error) {
	addr, ok := strings.CutPrefix(n.params.Root, "tls!")
	if !ok {
		socket, err = dialPlain(ctx, n.params.Root)
		return socket, n.params.Aname, err
	}
	tree := n.params.Aname
	if tree == "" {
		tree = "/"
	}
	socket, err = n.relay(ctx, "tcp!"+addr, n.params.Uname, tree)
	return socket, "", err
}

// relay has a process of its own keep the connection through a door. This one starts
// others, for which Go may stop all that it does until they have begun; and they read the root.
func (n *node) relay(ctx context.Context, addr, uname, tree string) (*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "root"), os.NewFile(uintptr(fds[1]), "relay")
	defer theirs.Close()
	cmd := exec.Command(self, "init", "-r", addr, uname, tree)
	cmd.Stdin, cmd.Stderr = theirs, n.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		ours.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	said, _ := io.ReadAll(io.LimitReader(out, 1024)) // its end is when the relay has begun, too
	if stop(); string(said) == relayed {
		go cmd.Wait()
		return ours, nil
	}
	ours.Close()
	cmd.Wait()
	if err := strings.TrimSpace(string(said)); err != "" {
		return nil, errors.New(err)
	}
	return nil, errors.New("no answer")
}

// relayed is what a relay says when it begins.
const relayed = "ok\n"

// Relay is that process: its standard input is the socket, and args are the address, as
// whom, and the tree. On standard output it says how it went.
func Relay(ctx context.Context, std [3]*os.File, args []string) error {
	near, err := net.FileConn(std[0])
	if err != nil {
		return err
	}
	std[0].Close()
	imp, err := exportfs.Dial(ctx, &door.Dialer{Key: hostKey, Known: authority, Pinned: true}, args[0], args[1], args[2])
	if err != nil {
		fmt.Fprintln(std[1], err)
		return nil
	}
	defer imp.Close()
	stream, err := imp.Open()
	if err != nil {
		fmt.Fprintln(std[1], err)
		return nil
	}
	fmt.Fprint(std[1], relayed)
	std[1].Close()
	exportfs.Relay(ctx, near, stream)
	return nil
}

// dialPlain connects to a server that is believed.
func dialPlain(ctx context.Context, addr string) (*os.File, error) {
	conn, err := client.DialStream(ctx, addr, "564")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.New("no socket")
	}
	return c.File()
}

// mountRoot has the kernel mount the tree of the root's server at base, read only. Where ctx
// ends first the connection is cut, for which the kernel gives up.
func (n *node) mountRoot(ctx context.Context, base string) error {
	socket, aname, err := n.dialRoot(ctx)
	if err != nil {
		return err
	}
	defer socket.Close() // the kernel has its own by then
	fd := int(socket.Fd())
	opts := fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=%d,access=any,cache=loose,uname=%s,aname=%s", fd, fd, 1<<20, n.params.Uname, aname)
	done := make(chan error, 1)
	go func() { done <- unix.Mount(base, base, "9p", unix.MS_RDONLY|unix.MS_NOSUID, opts) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		unix.Shutdown(fd, unix.SHUT_RDWR)
		err = errors.Join(errors.New("no answer"), <-done)
	}
	if err != nil {
		unix.Shutdown(fd, unix.SHUT_RDWR)
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}
