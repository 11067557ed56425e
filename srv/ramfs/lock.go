package ramfs

import (
	"context"

	"ninespace/srv/p9"
)

// Lock takes or gives up a record lock, waiting for it where l says so.
func (h *handle) Lock(ctx context.Context, l p9.Flock) (uint8, error) { return h.locks.Lock(ctx, h, l) }

// Getlock tells which lock of another owner stands in the way of l.
func (h *handle) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) {
	found, _, err := h.locks.Getlock(l)
	return found, err
}
