package client

import (
	"context"
	"io"

	"ninespace/srv/p9"
)

// Ask writes a request, which one message has room for, to a file that answers each write by
// what is read next, as factotum(4)'s rpc does, and reads the answer into p: in one round
// trip where the server keeps the order of requests.
func (f *Fid) Ask(ctx context.Context, req, p []byte) (int, error) {
	if !f.c.ordered || len(req) > int(f.Iounit()) || len(p) == 0 {
		if n, err := f.Write(ctx, req, 0); err != nil {
			return 0, err
		} else if n < len(req) {
			return 0, io.ErrShortWrite
		}
		return f.Read(ctx, p, 0)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	wk, rk := f.writeCall(req, 0), f.readCall(p9.Tread, p[:min(len(p), int(f.Iounit()))], 0)
	defer wk.release()
	defer rk.release()
	f.c.ask(ctx, wk, rk)
	switch n, err := wk.written(); {
	case err != nil:
		return 0, err
	case n < len(req):
		return 0, io.ErrShortWrite
	}
	switch {
	case rk.err != nil && ctx.Err() == nil:
		return f.Read(ctx, p, 0)
	case rk.err == nil && rk.n == 0:
		return 0, io.EOF
	}
	return rk.n, rk.err
}
