package auth

import (
	"cmp"
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

// A Bound limits how long a server is waited for: what is asked of it is asked with the context that
// it makes of another, and let go of then. Nil is no limit.
type Bound = func(ctx context.Context) (context.Context, func())

// Attach attaches to a server, as Conn.Attach does where it asks for no proof, and else by the
// posted factotum, as Factotum.Attach does: mount(1)'s auth_proxy. Each answer of the server's is
// waited for within a bound of its own, and factotum, which may ask a person for the key, until ctx
// ends. It is for ns.EngineOptions.
func Attach(ctx context.Context, c *client.Conn, uname, aname, attrs string, bound Bound) (*client.Fid, error) {
	s := server{c, bound}
	root, refused := s.attach(ctx, nil, uname, aname)
	if refused == nil || ended(ctx, refused) {
		return root, refused
	}
	uname = userOf(attrs, uname)
	afid, err := s.auth(ctx, uname, aname)
	if err != nil && !ended(ctx, err) {
		err = refused // not for want of a proof
	}
	if err != nil {
		return nil, err
	}
	f, err := Dial(ctx, "")
	if err != nil {
		s.clunk(ctx, afid)
		return nil, fmt.Errorf("the server asks who you are: %w", err)
	}
	defer f.Close()
	return f.prove(ctx, s, afid, uname, aname, attrs)
}

// ended tells whether an error says no more than that it took too long, or was given up.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)
}

// Attach attaches to a server as Conn.Attach does, after having authenticated where
// the server asks for it. attrs are further attributes for the key, such as user= or dom=.
// Where that is asked for, who attaches is the key's user: uname is who is tried first.
func (f *Factotum) Attach(ctx context.Context, c *client.Conn, uname, aname, attrs string) (*client.Fid, error) {
	s := server{c, nil}
	uname = userOf(attrs, uname)
	afid, err := s.auth(ctx, uname, aname)
	// A number in 9P2000.L, and words in 9P2000.
	if err != nil && (errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "authentication not required")) {
		return s.attach(ctx, nil, uname, aname)
	}
	if err != nil {
		return nil, err
	}
	return f.prove(ctx, s, afid, uname, aname, attrs)
}

// userOf gives the user that attributes of a key name, another one where they name none.
func userOf(attrs, other string) string { return cmp.Or(attr(attrs, "user"), other) }

// prove attaches by an afid that the server gave for uname or, if the key is another's, as that one.
func (f *Factotum) prove(ctx context.Context, s server, afid *client.Fid, uname, aname, attrs string) (*client.Fid, error) {
	root, user, err := f.proveAs(ctx, s, afid, uname, aname, attrs)
	if err == nil || user == "" || user == uname {
		return root, err
	}
	// The server was told another name before there was a word of the key.
	if afid, err = s.auth(ctx, user, aname); err != nil {
		return nil, err
	}
	root, _, err = f.proveAs(ctx, s, afid, user, aname, attrs+" user="+srv.Quote(user))
	return root, err
}

// proveAs attaches as uname by an afid, which it ends, and says whose the key was.
func (f *Factotum) proveAs(ctx context.Context, s server, afid *client.Fid, uname, aname, attrs string) (root *client.Fid, user string, err error) {
	defer s.clunk(ctx, afid)
	info, err := f.Proxy(ctx, stream{ctx, s, afid}, "proto=p9any role=client "+attrs)
	if err != nil {
		return nil, "", err
	}
	root, err = s.attach(ctx, afid, uname, aname)
	return root, info.Cuid, err
}

// A server is asked within a bound.
type server struct {
	conn  *client.Conn
	bound Bound
}

func (s server) within(ctx context.Context) (context.Context, func()) {
	if s.bound == nil {
		return ctx, func() {}
	}
	return s.bound(ctx)
}

func (s server) attach(ctx context.Context, afid *client.Fid, uname, aname string) (*client.Fid, error) {
	ctx, end := s.within(ctx)
	defer end()
	return s.conn.Attach(ctx, afid, uname, aname)
}

func (s server) auth(ctx context.Context, uname, aname string) (*client.Fid, error) {
	ctx, end := s.within(ctx)
	defer end()
	return s.conn.Auth(ctx, uname, aname)
}

// clunk ends an afid, also where ctx has ended.
func (s server) clunk(ctx context.Context, afid *client.Fid) {
	ctx, end := s.within(context.WithoutCancel(ctx))
	defer end()
	afid.Clunk(ctx)
}

// stream is an afid.
type stream struct {
	ctx context.Context
	s   server
	fid *client.Fid
}

func (s stream) Read(p []byte) (int, error) {
	ctx, end := s.s.within(s.ctx)
	defer end()
	n, err := s.fid.Read(ctx, p, 0)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

func (s stream) Write(p []byte) (int, error) {
	ctx, end := s.s.within(s.ctx)
	defer end()
	return s.fid.Write(ctx, p, 0)
}
