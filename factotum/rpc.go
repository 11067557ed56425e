package factotum

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// maxRPC is the longest message, in bytes.
const maxRPC = 64 << 10

// rpcFile is the file rpc.
type rpcFile struct {
	srv.Node
	f *Factotum
}

// Open gives a conversation that has not started.
func (r *rpcFile) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	return &rpc{f: r.f, user: r.f.whoIs(ctx)}, nil
}

// An rpc is an open of the file rpc.
type rpc struct {
	f    *Factotum
	user who

	mu      sync.Mutex
	pending []byte // the request that was written; nil: none
	answer  []byte // its reply, once that is known, until it is read
	conv    *conv
	next    func() (string, bool)
	stop    func()
	last    string // what the coroutine answered last, when it had ended
}

// Inline marks that a request is taken, and a signature made, on the goroutine that reads
// the connection: two switches between threads cost more than that. What takes long, or may
// wait, is put off.
func (r *rpc) Inline() {}

// lock waits for another request of the fid, where it may.
func (r *rpc) lock(ctx context.Context) error {
	if r.mu.TryLock() {
		return nil
	}
	if srv.Nonblock(ctx) {
		return srv.ErrAgain
	}
	r.mu.Lock()
	return nil
}

// Write takes a request.
func (r *rpc) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	if err := r.lock(ctx); err != nil {
		return 0, err
	}
	defer r.mu.Unlock()
	defer clear(p)
	switch {
	case r.pending != nil:
		return 0, p9.NewError(0x10, "rpc already pending; read to clear")
	case len(p) > maxRPC:
		return 0, invalid(fmt.Sprintf("rpc of %d bytes", len(p)))
	}
	r.pending = append(make([]byte, 0, len(p)), p...)
	return len(p), nil
}

// Read does the request and gives its reply.
func (r *rpc) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	if err := r.lock(ctx); err != nil {
		return 0, err
	}
	defer r.mu.Unlock()
	if r.pending == nil {
		return 0, invalid("no rpc pending")
	}
	if r.answer == nil {
		if srv.Nonblock(ctx) && !bytes.HasPrefix(r.pending, []byte("once ")) {
			return 0, srv.ErrAgain
		}
		s := r.do(ctx, r.pending)
		if s == again {
			return 0, srv.ErrAgain
		}
		if ctx.Err() != nil && s == "" {
			return 0, ctx.Err()
		}
		r.answer = []byte(s)
	}
	if len(p) < len(r.answer) {
		return 0, invalid(fmt.Sprintf("rpc read too small: the reply has %d bytes", len(r.answer)))
	}
	n := copy(p, r.answer)
	clear(r.pending)
	clear(r.answer)
	r.pending, r.answer = nil, nil
	return n, nil
}

// Clunk ends the conversation.
func (r *rpc) Clunk() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.close()
	clear(r.pending)
	clear(r.answer)
}

func (r *rpc) close() {
	if r.stop != nil {
		r.stop()
		r.conv.info.wipe()
	}
	r.conv, r.next, r.stop, r.last = nil, nil, nil, ""
}

// do does a request; "" is one that was flushed.
func (r *rpc) do(ctx context.Context, req []byte) string {
	v, data, _ := bytes.Cut(req, []byte(" "))
	switch verb := string(v); verb {
	case "start":
		return r.start(ctx, string(data))
	case "read", "write":
		return r.step(ctx, verb, data)
	case "once":
		return r.once(ctx, data)
	case "readhex":
		s := r.step(ctx, "read", data)
		if text, ok := strings.CutPrefix(s, "ok "); ok {
			return "ok " + hex.EncodeToString([]byte(text))
		}
		return s
	case "writehex":
		b, err := hex.DecodeString(strings.TrimRight(string(data), "\n"))
		if err != nil {
			return "error malformed hexadecimal"
		}
		return r.step(ctx, "write", b)
	case "authinfo":
		switch {
		case r.conv == nil || !r.conv.over || r.conv.err != nil:
			return "error authentication unfinished"
		case r.conv.info == nil:
			return "error no authinfo available"
		}
		return "ok " + string(r.f.authinfo(ctx, r.conv))
	case "attr":
		if r.conv == nil {
			return "protocol not started"
		}
		return "ok " + r.conv.attrs.String()
	}
	r.f.logf("rpc by %s: unknown verb", r.user.name)
	return "error unknown verb"
}

// start begins anew.
func (r *rpc) start(ctx context.Context, text string) string {
	r.close()
	c, role, err := r.begin(ctx, text)
	if err != nil {
		return "error " + err.Error()
	}
	r.conv = c
	r.next, r.stop = c.start(role)
	return r.resume()
}

// begin makes the conversation that start's attributes are of, and gives its role.
func (r *rpc) begin(ctx context.Context, text string) (*conv, func(*conv) error, error) {
	attrs, err := ParseAttrs(strings.TrimRight(text, "\n\x00"))
	if err != nil {
		return nil, nil, err
	}
	for _, a := range attrs {
		if a.secret() && !a.Query {
			return nil, nil, invalid("a secret in start")
		}
	}
	p, err := r.f.proto(attrs.Get("proto"))
	if err != nil {
		r.f.logf("rpc by %s: %v", r.user.name, err)
		return nil, nil, err
	}
	role := p.role(attrs.Get("role"))
	if role == nil {
		return nil, nil, invalid(fmt.Sprintf("role %s is not one of %s's: %s", srv.Quote(attrs.Get("role")), p.name, p.roleNames()))
	}
	return &conv{f: r.f, n: r.f.number(), user: r.user, attrs: attrs, proto: p, ctx: ctx, verb: "start", data: []byte(text)}, role, nil
}

// again is what once gives where it would have had to wait and may not.
const again = "again"

// once is a whole conversation of a message each way. One that was flushed begins anew.
func (r *rpc) once(ctx context.Context, data []byte) string {
	r.close()
	attrs, msg, ok := bytes.Cut(data, []byte("\n"))
	if !ok {
		return "error once without a message"
	}
	c, role, err := r.begin(ctx, string(attrs))
	if err != nil {
		return "error " + err.Error()
	}
	defer func() { c.info.wipe() }()
	s := c.once(role, bytes.Clone(msg))
	if s == "error "+srv.ErrAgain.Error() {
		return again
	}
	return s
}

// step has the conversation go on.
func (r *rpc) step(ctx context.Context, verb string, data []byte) string {
	c := r.conv
	switch {
	case c == nil:
		return "protocol not started"
	case verb == "read" && len(data) > 0:
		return "error read needs no parameters"
	case c.over:
		return c.final()
	}
	c.ctx, c.verb, c.data = ctx, verb, bytes.Clone(data)
	return r.resume()
}

func (r *rpc) resume() string {
	s, ok := r.next()
	if !ok {
		return r.conv.final()
	}
	if r.conv.verb == "start" && r.conv.over && r.conv.err != nil {
		r.conv = nil // as if it had not been
		r.stop()
		r.stop = nil
	}
	return s
}
