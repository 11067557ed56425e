package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/netfs"
	"ninespace/srv/p9"
)

// serveEnv in the environment has this program be another process: the far one, a relay to
// an address at a Unix socket, or netfs at a dial string.
const serveEnv = "NINE_BENCH_NET"

// served is the other processes.
func served() bool {
	var err error
	what := os.Getenv(serveEnv)
	addr, socket, isRelay := strings.Cut(what, " ")
	switch {
	case what == "":
		return false
	case what == "far":
		err = far()
	case isRelay:
		err = relay(addr, socket)
	default:
		var l net.Listener
		if l, err = srv.Announce(what); err == nil {
			err = srv.New(netfs.New(netfs.Config{})).Serve(context.Background(), l)
		}
	}
	fmt.Fprintln(os.Stderr, "net:", err)
	os.Exit(1)
	return true
}

// The roles of the far end of a connection. It is told one by the first byte, and by
// eight more how many bytes.
const (
	sink   = 's' // reads them, and says so by one
	source = 'g' // writes them
	echo   = 'e' // writes what it reads
)

func order(c io.Writer, role byte, bytes int64) error {
	_, err := c.Write(binary.BigEndian.AppendUint64([]byte{role}, uint64(bytes)))
	return err
}

// far takes connections, and tells on its standard output where.
func far() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			play(c)
		}()
	}
}

// play does what it is told to, by reads and writes of 128 KiB.
func play(c net.Conn) error {
	var head [9]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	left := int64(binary.BigEndian.Uint64(head[1:]))
	p := make([]byte, 128<<10)
	for left > 0 {
		n := int(min(left, int64(len(p))))
		var err error
		if head[0] != source {
			n, err = c.Read(p[:n])
		}
		if err == nil && head[0] != sink {
			_, err = c.Write(p[:n])
		}
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	if head[0] == sink {
		c.Write(p[:1])
	}
	_, err := c.Read(p) // the near end's hangup
	return err
}

// start starts this program as another process.
func start(ctx context.Context, what string) (*exec.Cmd, io.Reader, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), serveEnv+"="+what)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	return cmd, out, err
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func startFar(ctx context.Context) (*exec.Cmd, string, error) {
	cmd, out, err := start(ctx, "far")
	if err != nil {
		return nil, "", err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	return cmd, strings.TrimSpace(addr), err
}

// patience is how long netfs may take to start.
const patience = 10 * time.Second

// A netfsServer is netfs, and this program's connection to it.
type netfsServer struct {
	cmd    *exec.Cmd
	socket string
	root   *client.Fid
}

func startNetfs(ctx context.Context, socket string) (*netfsServer, error) {
	cmd, _, err := start(ctx, "unix!"+socket)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := client.Dial(ctx, "unix!"+socket, nil)
		var root *client.Fid
		if err == nil {
			root, err = c.Attach(ctx, nil, "", "")
		}
		if err == nil {
			return &netfsServer{cmd, socket, root}, nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			stop(cmd)
			return nil, err
		}
	}
}

func dialSocket(ctx context.Context, network, addr string) (io.ReadWriteCloser, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// dial makes a conversation of netfs.
func (s *netfsServer) dial(ctx context.Context, addr string) (io.ReadWriteCloser, error) {
	ctl, err := s.open(ctx, "tcp", "clone")
	if err != nil {
		return nil, err
	}
	defer ctl.Clunk(ctx)
	p := make([]byte, 32)
	n, err := ctl.Read(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	if _, err := ctl.Write(ctx, []byte("connect "+strings.Replace(addr, ":", "!", 1)), 0); err != nil {
		return nil, err
	}
	data, err := s.open(ctx, "tcp", strings.TrimSpace(string(p[:n])), "data")
	return &conversation{ctx, data}, err
}

func (s *netfsServer) open(ctx context.Context, names ...string) (*client.Fid, error) {
	f, err := s.root.Walk(ctx, names...)
	if err == nil {
		err = f.Open(ctx, p9.ORDWR)
	}
	return f, err
}

// A conversation is its file data: each read or write is one message, which is answered
// before the next.
type conversation struct {
	ctx  context.Context
	data *client.Fid
}

func (c *conversation) Read(p []byte) (int, error)  { return c.data.Read(c.ctx, p, 0) }
func (c *conversation) Write(p []byte) (int, error) { return c.data.Write(c.ctx, p, 0) }
func (c *conversation) Close() error                { return c.data.Clunk(c.ctx) }
