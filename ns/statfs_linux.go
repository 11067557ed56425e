package ns

import (
	"context"
	"errors"
	"syscall"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

func (f *fuseFS) StatFs(cancel *devfuse.Cancel, h *devfuse.InHeader, out *devfuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.Namelen = 4096, 4096, 255
	err := f.on(cancel, h, func(ctx context.Context, file srv.File) error {
		s, ok := file.(srv.Statfser)
		if !ok {
			return nil
		}
		st, err := s.Statfs(ctx)
		if err != nil {
			return err
		}
		out.Blocks, out.Bfree, out.Bavail, out.Files, out.Ffree = st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree
		out.Bsize, out.Frsize, out.Namelen = st.Bsize, st.Bsize, st.Namelen
		return nil
	})
	if errors.Is(err, p9.ErrNotSup) {
		err = nil
	}
	return status(err)
}

// on does something with the file that a node stands for.
func (f *fuseFS) on(cancel *devfuse.Cancel, h *devfuse.InHeader, do func(context.Context, srv.File) error) error {
	n, c := f.node(h.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	if n.dir {
		t := n.group.pg.top(c)
		defer t.close()
		c = t
	}
	ctx := f.ctx(cancel, h, n)
	defer ctx.finish()
	return do(ctx, c.file)
}
