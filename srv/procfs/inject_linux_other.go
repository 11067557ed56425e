//go:build linux && !amd64

package procfs

import (
	"context"

	"ninespace/srv/p9"
)

// inject is for a machine whose registers we do not know.
func (f *file) inject(context.Context, uint64, ...uint64) error { return p9.ErrNotSup }
