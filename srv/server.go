package srv

import (
	"context"

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
