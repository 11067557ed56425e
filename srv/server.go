package srv

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// A Server serves one tree, or one for each attach, to any number of connections.
type Server struct {
	// Attach gives the root for a user and an attach name. An error refuses.
	Attach func(ctx context.Context, uname, aname string) (File, error)
	// Auth begins an authentication conversation; nil: none is required.
	Auth func(ctx context.Context, uname, aname string) (AuthFile, error)
	// Msize is the largest message, p9.MaxMsize where 0.
	Msize uint32
	// Trace, where set, is given each message in the text form of p9.Fcall.
	Trace func(line string)
}

// New makes a server of one tree whose attach name must be empty or "/".
func New(root File) *Server {
	return &Server{Attach: func(_ context.Context, _, aname string) (File, error) {
		if aname != "" && aname != "/" {
			return nil, p9.NewError(2, "no such tree: "+aname)
		}
		return root, nil
	}}
}

// Serve accepts connections and serves each until ctx ends or the listener
// fails; it returns when all have ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case passing(err): // one caller too many does not end the others
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		default:
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.ServeConn(ctx, c)
		}()
	}
}

// acceptPause is how long to leave a caller waiting where there is no room for it.
const acceptPause = 50 * time.Millisecond

// passing reports whether a later accept may succeed, accept(2).
func passing(err error) bool {
	for _, n := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
