package ns

import (
	"context"
	"fmt"
	"path/filepath"

	"ninespace/srv/p9"
)

// server gives the name that the server of a device is posted under: #p is the tree of
// #s/proc.
func server(letter byte) (name string, ok bool) {
	switch letter {
	case 'c':
		return "dev", true
	case 'e':
		return "env", true
	case 'I':
		return "net", true
	case 'p':
		return "proc", true
	}
	return "", false
}

// device gives the device of a name's first element: #U, #p, or #I1, where 1 is
// the aname. One that is a server is connected to anew each time, and #| is a new
// pipe.
func (e *Engine) device(ctx context.Context, spec string) (d *Dev, err error) {
	switch spec {
	case "#U":
		return e.host, nil
	case "#/", "#":
		return e.rootDev, nil
	case ownSpec:
		return e.own, nil
	case "#s":
		return e.srvDev, nil
	case "#|":
		return NewDev(spec, newPipe(callerOf(ctx)), nil), nil
	}
	if len(spec) > 1 && spec[0] == '#' {
		if name, ok := server(spec[1]); ok {
			d, err := dial(ctx, "unix!"+filepath.Join(e.namespace, name), spec, spec[2:])
			if err == nil {
				e.nearer(ctx, d)
			}
			return d, err
		}
	}
	return nil, fmt.Errorf("no such device or relative name: %w", p9.ErrNotExist)
}
