package ns

import (
	"bytes"
	"fmt"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestKeptAhead: what is read of a file in any order, as the kernel's reads ahead come and a program's
// pages are, comes once. What was read is not held any more once all of it was asked for.
func TestKeptAhead(t *testing.T) {
	const piece = 512 << 10
	for _, order := range [][]int64{
		{0, 1, 2, 3, 4, 5, 6, 7},
		{0, 2, 1, 3, 5, 4, 6, 7},
		{1, 0, 3, 2, 5, 4, 7, 6},
		{0, 6, 2, 4, 1, 7, 3, 5},
		{7, 6, 5, 4, 3, 2, 1, 0},
		{0, 1, 3, 5, 2, 4, 6, 7},
	} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			ctx := t.Context()
			want := bytes.Repeat([]byte("0123456789abcde\n"), len(order)*piece/16)
			root := ramfs.New()
			_, w, err := srv.Create(ctx, root, "f", 0o666, p9.OWRITE)
			if err == nil {
				_, err = w.(srv.Writer).Write(ctx, want, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			l := srvtest.NewLink(t, srv.New(root), 0)
			k := keptTree(t, l).c.root.follow(ctx, "f")
			if k == nil {
				t.Fatal("there is no file")
			}
			defer k.Clunk()
			h, err := k.Open(ctx, p9.OREAD)
			if err != nil {
				t.Fatal(err)
			}
			defer h.(*keptHandle).Clunk()
			l.Traffic()
			got := make([]byte, len(want))
			for _, i := range order {
				for at, end := i*piece, (i+1)*piece; at < end; {
					n, err := h.(*keptHandle).Read(ctx, got[at:end], at)
					if err != nil {
						t.Fatal(err)
					}
					at += int64(n)
				}
			}
			if !bytes.Equal(got, want) {
				t.Error("other bytes come")
			}
			if n := l.Traffic(); n.Bytes > len(want) {
				t.Errorf("of %d bytes %v", len(want), n)
			}
			if a := &h.(*keptHandle).ahead; a.whole && len(a.blocks) > 0 {
				t.Errorf("%d blocks are held", len(a.blocks))
			}
		})
	}
}
