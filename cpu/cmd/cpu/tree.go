//go:build linux && !portable

package cpu

import (
	"ninespace/srv"
	"ninespace/srv/diskfs"
)

// serveTree gives the caller's tree.
func serveTree(dir string, readOnly bool) (srv.File, error) {
	var opts []diskfs.Option
	if readOnly {
		opts = append(opts, diskfs.ReadOnly())
	}
	return diskfs.New(dir, opts...)
}
