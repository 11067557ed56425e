package client_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A ring is a directory that gives one entry at a time, by the cookie, and has no end.
type ring struct {
	*folder
	entry func(cookie uint64) p9.Dirent
	asked int
}

func (r *ring) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		r.asked++
		yield(r.entry(cookie), nil)
	}
}

// TestCircle has a listing that comes back to where it was end with an error, and soon, and one of
// nothing but the directory itself.
func TestCircle(t *testing.T) {
	for _, s := range []struct {
		name  string
		entry func(cookie uint64) p9.Dirent
		most  int // times that it is asked
	}{
		{"circle", func(c uint64) p9.Dirent { return p9.Dirent{Name: fmt.Sprint("f", c), Cookie: c%5 + 1} }, 7},
		{"dots", func(c uint64) p9.Dirent { return p9.Dirent{Name: ".", Cookie: c + 1} }, 110},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := &ring{newFolder(), s.entry, 0}
			c, err := client.New(ctx, srvtest.Serve(t, srv.New(r)), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			top, err := c.Attach(ctx, nil, "", "")
			if err != nil {
				t.Fatal(err)
			}
			within, end := context.WithTimeout(ctx, srvtest.Patience)
			defer end()
			if _, ents, err := top.ListStat(within, client.Listing{Most: 100}); err == nil || within.Err() != nil || r.asked > s.most {
				t.Errorf("ListStat: %d entries, %v, asked %d times", len(ents), err, r.asked)
			}
			if s.name == "dots" {
				return // List has nothing to bound it by
			}
			r.asked = 0
			d, err := top.WalkOpen(within, p9.OREAD)
			if err != nil {
				t.Fatal(err)
			}
			for _, err = range d.List(within, 0) {
				if err != nil {
					break
				}
			}
			if err == nil || within.Err() != nil || r.asked > s.most {
				t.Errorf("List: %v, asked %d times", err, r.asked)
			}
		})
	}
}
