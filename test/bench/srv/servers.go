package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/ipcfs"
	"ninespace/srv/p9"
)

// A server is one of those compared, a process of its own.
type server struct {
	name, socket string
	cmd          *exec.Cmd
	missing      error // why it does not run
}

// serveEnv in the environment has this program be a server, at the socket that it says.
const serveEnv = "NINE_BENCH_IPCFS"

// served is the process of ipcfs.
func served() bool {
	socket := os.Getenv(serveEnv)
	if socket == "" {
		return false
	}
	l, err := srv.Announce("unix!" + socket)
	if err == nil {
		err = srv.New(ipcfs.New(ipcfs.Config{})).Serve(context.Background(), l)
	}
	fmt.Fprintln(os.Stderr, "ipcfs:", err)
	os.Exit(1)
	return true
}

// patience is how long a server may take to start.
const patience = 10 * time.Second

// startServer starts a server and waits until it takes connections.
func startServer(ctx context.Context, tmp, name string) *server {
	s := &server{name: name, socket: filepath.Join(tmp, name)}
	switch name {
	case "ipcfs":
		exe, err := os.Executable()
		if err != nil {
			s.missing = err
			return s
		}
		s.cmd = exec.CommandContext(ctx, exe)
		s.cmd.Env = append(os.Environ(), serveEnv+"="+s.socket)
		s.cmd.Stderr = os.Stderr
	case "redis":
		exe, err := exec.LookPath("redis-server")
		if err != nil {
			s.missing = fmt.Errorf("no redis-server of Debian: %w", err)
			return s
		}
		s.cmd = exec.CommandContext(ctx, exe, "--unixsocket", s.socket, "--port", "0", "--save", "", "--appendonly", "no", "--dir", tmp)
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.cmd, s.missing = nil, err
		return s
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l, err := newLink(s.socket)
		if err == nil {
			l.close()
			return s
		}
		if ctx.Err() != nil || time.Now().After(end) {
			s.missing = err
			return s
		}
	}
}

func (s *server) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// pair makes two links of one server and sets them up.
func pair(s *server, dial func(*server) (*link, error), up func(from, to *link) error) (*channel, error) {
	from, err := dial(s)
	if err != nil {
		return nil, err
	}
	to, err := dial(s)
	if err != nil {
		from.close()
		return nil, err
	}
	c := &channel{from: from, to: to}
	if err := up(from, to); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// ninepPair is a channel of which one end is written and the other read.
func ninepPair(s *server, up func(from, to *link) error) (*channel, error) {
	return pair(s, ninep, func(from, to *link) error {
		from.writes()
		to.reads()
		return up(from, to)
	})
}

// queue makes a queue by a line of ctl; what an earlier round left of it is the same.
func queue(line string) func(s *server) (*channel, error) {
	return func(s *server) (*channel, error) {
		return ninepPair(s, func(from, to *link) error {
			err := from.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 2, Wname: []string{"ctl"}})
			if err == nil {
				err = from.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 2, Flags: p9.OWRITE.Linux()})
			}
			if err == nil {
				err = from.rpc(&p9.Fcall{Type: p9.Twrite, Fid: 2, Data: []byte(line)})
			}
			if err == nil {
				err = from.open(p9.OWRITE, "q", "q")
			}
			if err == nil {
				err = to.open(p9.OREAD, "q", "q")
			}
			return err
		})
	}
}

func pipe(s *server) (*channel, error) {
	ctl, err := ninep(s)
	if err != nil {
		return nil, err
	}
	err = ctl.open(p9.ORDWR, "pipe", "clone")
	var number []byte
	if err == nil {
		number, err = ctl.ask(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 100})
	}
	if err != nil {
		ctl.close()
		return nil, err
	}
	n := strings.TrimSpace(string(number[p9.HdrSz+4:]))
	c, err := ninepPair(s, func(from, to *link) error {
		err := from.open(p9.OWRITE, "pipe", n, "data")
		if err == nil {
			err = to.open(p9.OREAD, "pipe", n, "data1")
		}
		return err
	})
	if err != nil {
		ctl.close()
		return nil, err
	}
	c.also = []*link{ctl}
	return c, nil
}

// list is redis's.
func list(s *server) (*channel, error) {
	dial := func(s *server) (*link, error) { return newLink(s.socket) }
	return pair(s, dial, func(from, to *link) error {
		from.command("DEL", "q")
		if err := from.flush(); err != nil {
			return err
		}
		if _, err := from.in.ReadSlice('\n'); err != nil {
			return err
		}
		from.asks(':', 1, "LPUSH", "q", string(message))
		to.asks('*', 5, "BRPOP", "q", "0")
		return nil
	})
}
