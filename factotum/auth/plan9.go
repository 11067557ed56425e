package auth

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"ninespace/factotum/psk"
)

// The door of Plan 9: p9any on the bare connection, then TLS with the secret that both
// sides have of it, as 9front's tlssrv -a and drawterm do.

// pskIdentity is the name of that secret in TLS.
const pskIdentity = "p9secret"

// Plan9Server lets a client of Plan 9 in: drawterm, 9front's rcpu, Plan9Client. It gives
// the connection, now secure, and who that is: Info.Suid, of the domain Info.Dom, for
// users.Policy.Name; the secret is gone. Factotum needs a key with proto=dp9ik and dom=.
// If it fails, or ctx ends before it is done, conn is closed.
func (f *Factotum) Plan9Server(ctx context.Context, conn net.Conn) (*psk.Conn, *Info, error) {
	r, err := f.Plan9Talk(ctx)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("p9any: %w", err)
	}
	defer r.Close()
	return Plan9Server(ctx, conn, r)
}

// Plan9Talk begins the conversation of a server by which Plan9Server lets a client in.
func (f *Factotum) Plan9Talk(ctx context.Context) (*RPC, error) {
	return f.Start(ctx, "proto=p9any role=server")
}

// Plan9Server is Factotum.Plan9Server by a conversation that was begun; it is not closed.
func Plan9Server(ctx context.Context, conn net.Conn, r Talk) (*psk.Conn, *Info, error) {
	return plan9(ctx, conn, func() (*Info, error) { return proxy(ctx, conn, r) }, psk.Server)
}

// Plan9Client goes in at such a door, as the user of the key that factotum has for the
// server's domain, or that attrs, such as user= or dom=, ask for.
func (f *Factotum) Plan9Client(ctx context.Context, conn net.Conn, attrs string) (*psk.Conn, *Info, error) {
	return plan9(ctx, conn, func() (*Info, error) {
		return f.Proxy(ctx, conn, strings.TrimSpace("proto=p9any role=client "+attrs))
	}, psk.Client)
}

func plan9(ctx context.Context, conn net.Conn, prove func() (*Info, error),
	secure func(ctx context.Context, conn net.Conn, identity string, key []byte) (*psk.Conn, error)) (*psk.Conn, *Info, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	info, err := prove()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, nil, fmt.Errorf("p9any: %w", err)
	}
	defer clear(info.Secret)
	c, err := secure(ctx, conn, pskIdentity, info.Secret)
	if err != nil {
		return nil, nil, err
	}
	return c, &Info{Cuid: info.Cuid, Suid: info.Suid, Dom: info.Dom, Cap: info.Cap}, nil
}
