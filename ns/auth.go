package ns

import (
	"context"
	"strings"

	"ninespace/srv/client"
)

// An Auth is how a mount proves who it is where its server asks for that.
type Auth struct {
	None bool   // -n: it does not
	Key  string // -k: further attributes of factotum's key
}

// words gives its flags.
func (a Auth) words() []string {
	var w []string
	if a.None {
		w = append(w, "-n")
	}
	if a.Key != "" {
		w = append(w, "-k", quote(a.Key))
	}
	return w
}

// parse takes -n and -k out of flags, and the latter's value from behind them.
func (a *Auth) parse(letters string, args []string) (string, []string) {
	if before, key, ok := strings.Cut(letters, "k"); ok && (key != "" || len(args) > 0) {
		if key == "" {
			key, args = args[0], args[1:]
		}
		letters, a.Key = before, key
	}
	if before, after, ok := strings.Cut(letters, "n"); ok {
		letters, a.None = before+after, true
	}
	return letters, args
}

// An attacher attaches to a server, and proves who does so where that asks; key are attributes
// for the key to do it with.
type attacher = func(ctx context.Context, c *client.Conn, uname, aname, key string) (*client.Fid, error)

// proofKey is where the context of a mount has its Auth and the engine's way to prove it.
type proofKey struct{}

type proof struct {
	Auth
	attach attacher
}

// proving gives the context in which a mount attaches.
func (e *Engine) proving(ctx context.Context, a Auth) context.Context {
	if e.attach == nil || a.None {
		return ctx
	}
	return context.WithValue(ctx, proofKey{}, proof{a, e.attach})
}

// attachTo attaches to one of a server's trees, with a proof where the server asks for
// it and the mount may give one.
func attachTo(ctx context.Context, conn *client.Conn, aname string) (*client.Fid, Auth, error) {
	using(ctx, conn)
	p, ok := ctx.Value(proofKey{}).(proof)
	if !ok {
		root, err := conn.Attach(ctx, nil, "", aname)
		return root, Auth{}, err
	}
	root, err := p.attach(ctx, conn, "", aname, p.Key)
	return root, p.Auth, err
}
