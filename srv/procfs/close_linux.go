//go:build linux && !amd64

package procfs

import (
	"context"

	"ninespace/srv/p9"
)

// closeFd is for a machine whose registers we do not know.
func (f *file) closeFd(context.Context, []string) error { return p9.ErrNotSup }
