package srv

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// dir is where descriptors are posted.
const dir = "/srv"

// A call is how to reach a server.
type call struct {
	to      string
	command bool // to is a shell's command
}

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	return Do(ctx, std, wd, args)
}

// Do is the command in a directory that is not the process's own.
func Do(ctx context.Context, std [3]*os.File, wd string, args []string) error {
	f := flag.NewFlagSet("srv", flag.ContinueOnError)
	after := f.Bool("a", false, "after what is there")
	before := f.Bool("b", false, "before what is there")
	create := f.Bool("c", false, "new files go there")
	cache := f.Bool("C", false, "cache")
	command := f.Bool("e", false, "dialstring is a command")
	mount := f.Bool("m", false, "mount it")
	quiet := f.Bool("q", false, "nothing if the name is posted")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() < 1 || f.NArg() > 3 || *after && *before {
		return flag.ErrHelp
	}
	c := call{f.Arg(0), *command}
	name, at := f.Arg(1), f.Arg(2)
	if name == "" {
		name = path.Base(c.to)
	}
	if err := srv.CheckName(name); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if !ns.Inside() {
		if *mount || at != "" {
			return errors.New("not in a name space, where alone something can be mounted: start one with `nine up` or `nine newns`")
		}
		return relay(ctx, std, c, name, *quiet)
	}
	err := post(ctx, std, c, name)
	if err != nil && !(*quiet && errors.Is(err, fs.ErrExist)) {
		return err
	}
	if !*mount && at == "" {
		return nil
	}
	if at == "" {
		at = "/n/" + c.system()
	}
	return ns.Do(ctx, ns.Op{Verb: "mount", Flag: ns.Flags(*after, *before, *create, *cache),
		New: dir + "/" + name, Old: ns.Abs(wd, at)})
}

// system gives the machine's name in a dial string, or what is nearest to that.
func (c call) system() string {
	if c.command {
		word, _, _ := strings.Cut(c.to, " ")
		return path.Base(word)
	}
	if f := strings.Split(c.to, "!"); len(f) > 1 {
		return path.Base(f[1])
	}
	host, _, _ := strings.Cut(path.Base(c.to), ":")
	return host
}

// post makes the connection and leaves it in /srv.
func post(ctx context.Context, std [3]*os.File, c call, name string) error {
	file := dir + "/" + name
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", file, cause(err))
	}
	defer f.Close() // the name goes with it until a number is written
	conn, err := c.dial(ctx, std)
	if err != nil {
		return err
	}
	defer conn.Close()
	shared, err := conn.File()
	if err != nil {
		return fmt.Errorf("dial %s: %w", c.to, cause(err))
	}
	defer shared.Close()
	if _, err := f.WriteString(strconv.Itoa(int(shared.Fd()))); err != nil {
		return fmt.Errorf("%s: %w", file, cause(err))
	}
	return nil
}

// cause gives what package os says of a file without its name.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return p9.ErrorOf(pe.Err)
	}
	return err
}

// A conn is a connection of which there is a descriptor.
type conn interface {
	net.Conn
	File() (*os.File, error)
}

// dial connects to the server.
func (c call) dial(ctx context.Context, std [3]*os.File) (conn, error) {
	dial := func() (net.Conn, error) { return client.DialStream(ctx, c.to, "564") }
	if c.command {
		dial = func() (net.Conn, error) { return c.run(std) }
	}
	nc, err := dial()
	if err != nil {
		return nil, err
	}
	return nc.(conn), nil
}

// run starts the command, which outlives this process and ends with the connection.
func (c call) run(std [3]*os.File) (net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "connection"), os.NewFile(uintptr(fds[1]), "connection")
	defer ours.Close()
	defer theirs.Close()
	cmd := exec.Command("/bin/sh", "-c", c.to)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, std[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is not for it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.to, cause(err))
	}
	go cmd.Wait()
	return net.FileConn(ours)
}

// relay posts a socket and connects each caller to the server until a signal ends
// it.
func relay(ctx context.Context, std [3]*os.File, c call, name string, quiet bool) error {
	if !c.command { // is there anything? a command is only started for who uses it
		conn, err := c.dial(ctx, std)
		if err != nil {
			return err
		}
		conn.Close()
	}
	l, err := srv.Post(name)
	if err != nil {
		if quiet && errors.Is(err, syscall.EADDRINUSE) {
			return nil
		}
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		from, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer from.Close()
			to, err := c.dial(ctx, std)
			if err != nil {
				fmt.Fprintf(std[2], "srv: %v\n", err)
				return
			}
			defer context.AfterFunc(ctx, func() { from.Close(); to.Close() })()
			between(from, to)
		})
	}
}

// between carries bytes both ways until one side ends.
func between(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(a, b)
		a.Close()
	}()
	io.Copy(b, a)
	b.Close()
	<-done
}
