package ns

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ninespace/srv"
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
// for the key to do it with. It waits for each of the server's answers within a bound, and for
// who has the key, who may ask a person, until ctx ends.
type attacher = func(ctx context.Context, c *client.Conn, uname, aname, key string,
	bound func(context.Context) (context.Context, func())) (*client.Fid, error)

// check refuses a secret: the words of a mount are for all to read.
func (a Auth) check() error {
	words, err := srv.Fields(a.Key)
	if err != nil {
		return errors.New("mount -k: unclosed quote") // without the text
	}
	for _, w := range words {
		if secret, ok := strings.CutPrefix(w, "!"); ok {
			name, _, _ := strings.Cut(secret, "=")
			return fmt.Errorf("mount -k: %s is a secret, which is for factotum's ctl alone", name)
		}
	}
	return nil
}

// proofKey is where the context of a mount has its Auth and the engine's way to prove it,
// nil where nothing is proved.
type proofKey struct{}

type proof struct {
	Auth
	attach attacher
}

// proving gives the context in which a mount attaches.
func (e *Engine) proving(ctx context.Context, a Auth) context.Context {
	p := proof{a, e.attach}
	if a.None {
		p.attach = nil
	}
	return context.WithValue(ctx, proofKey{}, p)
}

// authOf gives how a mount is to attach.
func authOf(ctx context.Context) proof {
	p, _ := ctx.Value(proofKey{}).(proof)
	return p
}

// serverTime is how long a server is waited for altogether by who attaches with a proof.
// That takes many answers, each of which could else come at the last moment, a byte at a time.
const serverTime = 3 * DialTimeout

// attachTo attaches to one of a server's trees, with a proof where the server asks for
// it and the mount may give one. ctx needs no bound.
func attachTo(ctx context.Context, conn *client.Conn, aname string) (*client.Fid, Auth, error) {
	p := authOf(ctx)
	if p.attach != nil {
		left := serverTime
		root, err := p.attach(ctx, conn, "", aname, p.Key, func(ctx context.Context) (context.Context, func()) {
			begun := time.Now()
			keyWaited(ctx, false)
			within, cancel := boundedBy(ctx, min(left, DialTimeout))
			using(within, conn)
			return within, func() {
				cancel()
				left -= time.Since(begun)
				keyWaited(ctx, true) // if it is not all over
			}
		})
		keyWaited(ctx, false)
		return root, p.Auth, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	using(ctx, conn)
	root, err := conn.Attach(ctx, nil, "", aname)
	return root, p.Auth, err
}
