package srv

import (
	"context"
	"io"
)

type peerKey struct{}

// withPeer makes a ctx from which Peer tells who is at the other end of rwc.
func withPeer(ctx context.Context, rwc io.ReadWriteCloser) context.Context {
	return context.WithValue(ctx, peerKey{}, rwc)
}

// Peer gives the number of the user whose process made the connection that a request
// came over, where that is a Unix socket: SO_PEERCRED of unix(7).
func Peer(ctx context.Context) (uid uint32, ok bool) { return PeerOf(ctx.Value(peerKey{})) }
