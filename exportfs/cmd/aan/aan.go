package aan

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
	"os/signal"
	"syscall"
	"time"

	"ninespace/exportfs"
	"ninespace/exportfs/aan"
	"ninespace/srv"
	"ninespace/srv/client"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// port is 9P's, where a dial string has none.
const port = "564"

// maxSessions is how many streams are led on at a time.
const maxSessions = 1000

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var cfg aan.Config
	f := flag.NewFlagSet("aan", flag.ContinueOnError)
	dial := f.Bool("c", false, "dial")
	debug := f.Bool("d", false, "tell of connections")
	f.DurationVar(&cfg.Keep, "m", 24*time.Hour, "give up after this `time`")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() < 1 || f.NArg() > 2 || *dial && f.NArg() > 1 {
		return flag.ErrHelp
	}
	if cfg.Keep <= 0 {
		return fmt.Errorf("%w: -m %v: no time at all", flag.ErrHelp, cfg.Keep)
	}
	tell := func(what string) { fmt.Fprintln(std[2], "aan:", what) }
	if *debug {
		cfg.Log = tell
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	addr := f.Arg(0)
	if *dial {
		c, err := aan.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
			return client.DialStream(ctx, addr, port)
		}, cfg)
		if err != nil {
			return err
		}
		return carry(ctx, c, std)
	}
	s := server{tell: tell}
	s.Config, s.Max = cfg, maxSessions
	if f.NArg() < 2 {
		s.Max = 1
	}
	defer s.Close()
	sessions, err := s.listen(ctx, addr)
	if err != nil {
		return err
	}
	if f.NArg() < 2 {
		c, ok := <-sessions
		if !ok {
			return context.Cause(ctx) // which signal it was
		}
		return carry(ctx, c, std)
	}
	for c := range sessions {
		go s.lead(ctx, c, f.Arg(1))
	}
	return nil
}

// carry leads a session to the standard files.
func carry(ctx context.Context, c *aan.Conn, std [3]*os.File) error {
	stop := context.AfterFunc(ctx, func() { c.Abort(context.Cause(ctx)) })
	defer stop()
	go func() {
		if _, err := io.Copy(c, std[0]); errors.As(err, new(*fs.PathError)) {
			c.Abort(err) // what was read is not all; where it cannot be written, what comes still does
		}
		c.CloseWrite()
	}()
	_, err := io.Copy(std[1], c)
	if err == nil {
		err = std[1].Close() // who reads it need not wait for the other direction
		<-c.Done()
	}
	c.Close()
	return err
}

// A server has the sessions of those who come.
type server struct {
	aan.Server
	tell func(string)
}

// listen gives the sessions that begin at a dial string, until ctx ends.
func (s *server) listen(ctx context.Context, dialstring string) (<-chan *aan.Conn, error) {
	l, err := srv.Announce(dialstring)
	if err != nil {
		return nil, err
	}
	sessions := make(chan *aan.Conn)
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		defer close(sessions)
		for {
			link, err := srv.Accept(ctx, l, func(err error) { s.tell(err.Error()) })
			if err != nil {
				return
			}
			go s.accept(ctx, link, sessions)
		}
	}()
	return sessions, nil
}

// accept takes a link.
func (s *server) accept(ctx context.Context, link net.Conn, sessions chan<- *aan.Conn) {
	from := link.RemoteAddr()
	c, err := s.Accept(ctx, link, "", "")
	if err != nil {
		if s.Log != nil {
			s.Log(fmt.Sprintf("%v: %v", from, err))
		}
		return
	}
	if c == nil { // one more link
		return
	}
	select {
	case sessions <- c:
	case <-ctx.Done():
	}
}

// lead leads a session to a connection of its own.
func (s *server) lead(ctx context.Context, c *aan.Conn, dialstring string) {
	to, err := client.DialStream(ctx, dialstring, port)
	if err != nil {
		s.tell(err.Error())
		c.Abort(err)
		return
	}
	exportfs.Join(c, to)
}
