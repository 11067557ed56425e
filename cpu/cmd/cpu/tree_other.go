//go:build !linux || portable

package cpu

import (
	"ninespace/srv"
	"ninespace/srv/rootfs"
)

// serveTree gives the caller's tree, where diskfs is not to be had: on other systems than Linux, and
// in tests of what those have.
func serveTree(dir string, readOnly bool) (srv.File, error) {
	var opts []rootfs.Option
	if readOnly {
		opts = append(opts, rootfs.ReadOnly())
	}
	return rootfs.New(dir, opts...)
}
