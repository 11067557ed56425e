package srv

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

// sums are the means to make sums.
var sums = sync.Pool{New: func() any { return &summer{hash: sha256.New(), buf: make([]byte, 64<<10)} }}

type summer struct {
	hash hash.Hash
	buf  []byte
}

// How many are made at once. Who asks for more has their files read, and open, in turn; when there
// are as many as there may be of all connections he is told so at once, and reads instead.
const (
	maxSums = 4   // of a connection
	allSums = 256 // of all
)

// beginSum waits for the connection's turn to make a sum, until endSum.
func (c *conn) beginSum(ctx context.Context) error {
	select {
	case c.summing <- struct{}{}:
	case <-ctx.Done():
		return p9.ErrInterrupted
	}
	if !c.srv.st.fair(madeSums, int64(len(c.summing)-1), 1) {
		<-c.summing
		return c.over(madeSums, syscall.EAGAIN)
	}
	c.stats.taken[madeSums].Add(1)
	return nil
}

func (c *conn) endSum() {
	c.stats.taken[madeSums].Add(-1)
	<-c.summing
}

// sum gives the value of p9.SumXattr: it reads the file as the fid's user may.
func (f *fid) sum(ctx context.Context) ([]byte, error) {
	file := f.node.file
	st, err := file.Stat(ctx)
	if err != nil {
		return nil, err
	}
	if st.Qid.Vers == 0 || st.Qid.Type != 0 || !st.Mode.IsRegular() || st.Length > p9.SumMost {
		return nil, p9.ErrNoData
	}
	if _, guard := file.(Guard); !guard && !f.who.user.Allowed(&st, wants(p9.OREAD)) {
		return nil, p9.ErrPerm
	}
	if err := f.node.c.beginSum(ctx); err != nil {
		return nil, err
	}
	defer f.node.c.endSum()
	if err := f.node.c.mayOpen(); err != nil {
		return nil, err
	}
	h, err := Open(ctx, file, p9.OREAD)
	if err != nil {
		return nil, err
	}
	if !sameFile(h, file) {
		f.node.c.describe(h, 1)
		defer func() {
			Clunk(h)
			f.node.c.describe(h, -1)
		}()
	}
	r, ok := h.(Reader)
	if !ok {
		return nil, p9.ErrNoData
	}
	s := sums.Get().(*summer)
	defer sums.Put(s)
	s.hash.Reset()
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return nil, p9.ErrInterrupted
		}
		n, err := r.Read(ctx, s.buf, off)
		s.hash.Write(s.buf[:n])
		switch off += int64(n); {
		case err == io.EOF || err == nil && n == 0:
			return s.hash.Sum(nil), nil
		case err != nil:
			return nil, err
		case off > p9.SumMost: // it grows meanwhile
			return nil, p9.ErrNoData
		}
	}
}
