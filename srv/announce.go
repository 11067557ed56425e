package srv

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// Announce listens at a dial string, dial(2). A Unix socket is made for its
// owner alone (mode 0600); one that nobody listens on any more is replaced, one
// in use is an error. Closing the listener removes it.
func Announce(dial string) (net.Listener, error) {
	network, addr, err := p9.ParseDial(dial, "564")
	if err != nil {
		return nil, err
	}
	if network != "unix" {
		l, err := net.Listen(network, addr)
		return l, announceErr(dial, err)
	}
	if c, err := net.Dial("unix", addr); err == nil {
		c.Close()
		return nil, announceErr(dial, syscall.EADDRINUSE)
	} else if errors.Is(err, syscall.EAGAIN) { // it has callers enough already
		return nil, announceErr(dial, syscall.EADDRINUSE)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if fi, err := os.Lstat(addr); err == nil && fi.Mode().Type() == os.ModeSocket {
			os.Remove(addr)
		}
	}
	// The umask is the process's, so it cannot be changed for this call alone:
	// the socket is made in a directory of its own and moved when its mode is set,
	// by a link, which never replaces what is there.
	dir, err := os.MkdirTemp(filepath.Dir(addr), ".9")
	if err != nil {
		return nil, announceErr(dial, err)
	}
	defer os.Remove(dir)
	tmp := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, announceErr(dial, err)
	}
	l.SetUnlinkOnClose(false)
	defer os.Remove(tmp)
	var made os.FileInfo
	if err = os.Chmod(tmp, 0o600); err == nil {
		made, err = os.Lstat(tmp)
	}
	if err == nil {
		err = os.Link(tmp, addr)
	}
	if errors.Is(err, fs.ErrExist) {
		err = syscall.EADDRINUSE
	}
	if err != nil {
		l.Close()
		err = announceErr(dial, err)
		if fi, e := os.Lstat(addr); e == nil && fi.Mode().Type() != os.ModeSocket {
			err = fmt.Errorf("%w: what is there is no socket", err)
		}
		return nil, err
	}
	return &unixListener{UnixListener: l, path: addr, made: made}, nil
}

func announceErr(dial string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("announce %s: %w", dial, p9.Fact(err))
}

type unixListener struct {
	*net.UnixListener
	path string
	made os.FileInfo
	once sync.Once
}

// Close removes the socket, unless it is another's by now, and stops listening.
func (l *unixListener) Close() error {
	l.once.Do(func() {
		if fi, err := os.Lstat(l.path); err == nil && os.SameFile(fi, l.made) {
			os.Remove(l.path)
		}
	})
	return l.UnixListener.Close()
}

// Post announces a server under a name in the name space directory, making the
// directory (mode 0700) where it is not there yet.
func Post(name string) (net.Listener, error) {
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("post %q: %w", name, err)
	}
	dir := p9.Namespace()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("post %s: %w", name, err)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", name, err)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !fi.IsDir() || ok && st.Uid != uint32(os.Geteuid()) {
		return nil, fmt.Errorf("post %s: %s is not a directory of yours", name, dir)
	}
	return Announce("unix!" + filepath.Join(dir, name))
}

// A Door is where a server command serves; its flags are the same in all.
type Door struct {
	Srv    string // -s: post under this name
	Listen string // -l: listen at this dial string instead
	Stdio  bool   // -i: serve one connection on standard input and output instead
	Trace  bool   // -D: print the conversation to standard error
}

// Flags defines -s, -l, -i and -D; name is what -s says where it is not given.
func (d *Door) Flags(fs *flag.FlagSet, name string) {
	fs.StringVar(&d.Srv, "s", name, "post as `srvname`")
	fs.StringVar(&d.Listen, "l", "", "listen at `dialstring`")
	fs.BoolVar(&d.Stdio, "i", false, "serve standard input and output")
	fs.BoolVar(&d.Trace, "D", false, "trace to standard error")
}

// Serve serves until ctx ends or, with -i, the client hangs up. SIGINT, SIGTERM
// or SIGHUP shuts the server down in order, a second one or grace's end at once;
// a signal after that is no longer Serve's, and ends the process.
// To the attach name "stats" it gives the directory that statsdir.go draws.
func (d *Door) Serve(ctx context.Context, std [3]*os.File, s *Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(sigs)
	go func() {
		select {
		case <-sigs:
		case <-ctx.Done():
			return
		}
		down, cancel2 := context.WithTimeout(ctx, grace)
		defer cancel2()
		go func() {
			select {
			case <-sigs:
				cancel2()
			case <-down.Done():
			}
			signal.Stop(sigs) // a file may not hear that it is to end
		}()
		s.Shutdown(down)
		cancel()
	}()
	attach := s.Attach
	stats := s.statsDir(d.Srv)
	s.Attach = func(ctx context.Context, uname, aname string) (File, error) {
		if aname == StatsName {
			return stats, nil
		}
		return attach(ctx, uname, aname)
	}
	if d.Trace {
		var mu sync.Mutex
		s.Trace = func(line string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std[2], line)
		}
	}
	if d.Stdio {
		return s.ServeConn(ctx, newStdio(std[0], std[1]))
	}
	var l net.Listener
	var err error
	if d.Listen != "" {
		l, err = Announce(d.Listen)
	} else {
		l, err = Post(d.Srv)
	}
	if err != nil {
		return err
	}
	return s.Serve(ctx, l)
}

// StatsName is the attach name for the figures of a server.
const StatsName = "stats"

// grace is how long requests that run may go on after a signal.
var grace = 2 * time.Second

// stdio is one connection over two files.
type stdio struct {
	net.Conn // a pipe's end, that is read
	in, out  *os.File
}

// newStdio has a goroutine read the input, for the read of a file that is not
// polled (which one's standard input is not) ends by nothing but input.
func newStdio(in, out *os.File) stdio {
	a, b := net.Pipe()
	go func() {
		io.Copy(b, in)
		b.Close()
	}()
	return stdio{a, in, out}
}

func (s stdio) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close ends both directions.
func (s stdio) Close() error {
	err := s.out.Close()
	s.in.Close()
	s.Conn.Close()
	return err
}
