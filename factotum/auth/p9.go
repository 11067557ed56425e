package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// An Afid is the server's end of an authentication by p9any: what the afid is.
type Afid struct {
	mu   sync.Mutex
	rpc  *RPC
	out  []byte // not yet read
	in   []byte // not yet enough
	info *Info
	err  error
}

// Auth begins one; it is for srv.Server.Auth. Factotum needs a key with proto=dp9ik
// and dom=.
func (f *Factotum) Auth(ctx context.Context, _, _ string) (*Afid, error) {
	r, err := f.Start(ctx, "proto=p9any role=server")
	if err != nil {
		return nil, err
	}
	return &Afid{rpc: r}, nil
}

// Read gives the client what is for it.
func (a *Afid) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.out) == 0 {
		if a.info != nil {
			return 0, io.EOF
		}
		b, err := a.rpc.Read(ctx)
		if err != nil {
			if err = a.finish(ctx, err); err == nil {
				err = io.EOF
			}
			return 0, err
		}
		a.out = b
	}
	n := copy(p, a.out)
	a.out = a.out[n:]
	return n, nil
}

// Write takes what the client says, in parts or whole.
func (a *Afid) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.in)+len(p) > maxMessage {
		return 0, p9.ErrNoAuth
	}
	a.in = append(a.in, p...)
	err := a.rpc.Write(ctx, a.in)
	if _, short := err.(ShortError); short {
		return len(p), nil
	}
	a.in = nil
	if err != nil {
		err = a.finish(ctx, err)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// finish takes down how the conversation ended. The client learns no more than that it
// did not succeed.
func (a *Afid) finish(ctx context.Context, err error) error {
	switch {
	case err == ErrDone:
		a.info, err = a.rpc.Info(ctx)
		return err
	case err == ErrPhase, ctx.Err() != nil:
		return fmt.Errorf("authentication: %w", err)
	}
	a.err = p9.ErrNoAuth
	return a.err
}

// Check is asked by the attach: whoever was proved to be uname may.
func (a *Afid) Check(ctx context.Context, uname, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.info == nil && a.err == nil && len(a.out) == 0 {
		if _, err := a.rpc.Read(ctx); err != nil {
			a.finish(ctx, err)
		}
	}
	if a.info == nil || a.info.Suid == "" || a.info.Suid != uname {
		return p9.ErrNoAuth
	}
	return nil
}

// Clunk ends the conversation.
func (a *Afid) Clunk() { a.rpc.Close() }

// Attach attaches to a server, as Conn.Attach does where it asks for no proof, and else by the
// posted factotum, as Factotum.Attach does: mount(1)'s auth_proxy. It is for ns.EngineOptions.
func Attach(ctx context.Context, c *client.Conn, uname, aname, attrs string) (*client.Fid, error) {
	root, refused := c.Attach(ctx, nil, uname, aname)
	if refused == nil || ctx.Err() != nil {
		return root, refused
	}
	f, missing := Dial(ctx, "")
	if missing == nil {
		defer f.Close()
		root, err := f.Attach(ctx, c, uname, aname, attrs)
		if _, ok := err.(unasked); ok && ctx.Err() == nil {
			err = refused // not for want of a proof
		}
		return root, err
	}
	afid, err := c.Auth(ctx, uname, aname)
	if err != nil {
		return nil, refused // not for want of a proof
	}
	afid.Clunk(context.WithoutCancel(ctx))
	return nil, fmt.Errorf("the server asks who you are: %w", missing)
}

// Attach attaches to a server as Conn.Attach does, after having authenticated where
// the server asks for it. attrs are further attributes for the key, such as user= or dom=.
// Where that is asked for, who attaches is the key's user: uname is who is tried first.
func (f *Factotum) Attach(ctx context.Context, c *client.Conn, uname, aname, attrs string) (*client.Fid, error) {
	if u := attr(attrs, "user"); u != "" {
		uname = u
	}
	root, user, err := f.attach(ctx, c, uname, aname, attrs)
	if err == nil || user == "" || user == uname {
		return root, err
	}
	// The server was told another name before there was a word of the key.
	root, _, err = f.attach(ctx, c, user, aname, attrs+" user="+srv.Quote(user))
	return root, err
}

// attach is Attach as uname, and says whose the key was.
func (f *Factotum) attach(ctx context.Context, c *client.Conn, uname, aname, attrs string) (root *client.Fid, user string, err error) {
	afid, err := c.Auth(ctx, uname, aname)
	// A number in 9P2000.L, and words in 9P2000.
	if err != nil && (errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "authentication not required")) {
		root, err = c.Attach(ctx, nil, uname, aname)
		return root, "", err
	}
	if err != nil {
		return nil, "", unasked{err}
	}
	defer afid.Clunk(context.WithoutCancel(ctx))
	info, err := f.Proxy(ctx, stream{ctx, afid}, "proto=p9any role=client "+attrs)
	if err != nil {
		return nil, "", err
	}
	root, err = c.Attach(ctx, afid, uname, aname)
	return root, info.Cuid, err
}

// unasked is the error of a server that did not begin to ask for a proof.
type unasked struct{ error }

func (e unasked) Unwrap() error { return e.error }

// stream is an afid.
type stream struct {
	ctx context.Context
	fid *client.Fid
}

func (s stream) Read(p []byte) (int, error) {
	n, err := s.fid.Read(s.ctx, p, 0)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

func (s stream) Write(p []byte) (int, error) { return s.fid.Write(s.ctx, p, 0) }
