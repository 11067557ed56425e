package srvtest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Counts reads a directory of many entries by every count there is from the smallest
// that each entry fits in, and some larger ones, in each dialect: every name comes
// once. fill makes entries with the names in a new tree. With $NINE_LONG there are
// 3,000 entries for each of the first 300 counts, else for every 100th; the ones
// between have 100.
func Counts(t *testing.T, fill func(names []string) srv.File) {
	const many, few, each = 3_000, 100, 300
	name := func(i int) string { return fmt.Sprintf("%s%d", strings.Repeat("x", i%11), i) }
	var names []string
	for i := range many {
		names = append(names, name(i))
	}
	all, some := fill(names), fill(names[:few])
	for _, dotl := range []bool{false, true} {
		t.Run(map[bool]string{false: p9.Version9P2000, true: p9.Version9P2000L}[dotl], func(t *testing.T) {
			big, small := newReader(t, all, dotl), newReader(t, some, dotl)
			least := uint32(0)
			if n, err := big.list(64<<10, &least); err != nil || n != many {
				t.Fatalf("%d entries: %v", n, err)
			}
			if n, err := big.list(least-1, nil); err == nil {
				t.Errorf("count %d: %d entries, of which one does not fit", least-1, n)
			}
			counts := []uint32{least + 997, 4096, 8168, 8192, 32 << 10}
			for i := range uint32(each) {
				counts = append(counts, least+i)
			}
			for _, count := range counts {
				r, want := small, few
				if os.Getenv("NINE_LONG") != "" || (count-least)%100 == 0 || count > least+each {
					r, want = big, many
				}
				if n, err := r.list(count, nil); err != nil || n != want {
					t.Fatalf("count %d: %d of %d entries: %v", count, n, want, err)
				}
			}
		})
	}
}

// A reader reads a tree's root by messages of its own making.
type reader struct {
	t    *testing.T
	c    net.Conn
	in   *bufio.Reader
	dotl bool
	out  []byte
}

func newReader(t *testing.T, root srv.File, dotl bool) *reader {
	r := &reader{t: t, c: Serve(t, srv.New(root)), dotl: dotl}
	r.in = bufio.NewReaderSize(r.c, 64<<10)
	version, open := p9.Version9P2000, p9.Topen
	if dotl {
		version, open = p9.Version9P2000L, p9.Tlopen
	}
	for _, f := range []*p9.Fcall{
		{Type: p9.Tversion, Tag: p9.NoTag, Msize: p9.MaxMsize, Version: version},
		{Type: p9.Tattach, Afid: p9.NoFid, Nuname: uint32(os.Getuid())},
		{Type: open},
	} {
		if _, err := r.rpc(f); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *reader) rpc(f *p9.Fcall) (*p9.Fcall, error) {
	var err error
	if r.out, err = f.Append(r.out[:0], r.dotl); err != nil {
		return nil, err
	}
	if _, err := r.c.Write(r.out); err != nil {
		return nil, err
	}
	got, err := Recv(r.in, r.dotl)
	if err == nil && got.Type != f.Type+1 {
		err = fmt.Errorf("%s is answered by %s", f.Text(r.dotl), got.Text(r.dotl))
	}
	return got, err
}

// list reads the directory from its start, and counts its names. largest is given how
// many bytes the largest entry has.
func (r *reader) list(count uint32, largest *uint32) (n int, err error) {
	seen := map[string]bool{}
	read := &p9.Fcall{Type: p9.Tread, Count: count}
	if r.dotl {
		read.Type = p9.Treaddir
	}
	note := func(name string, size int) {
		if seen[name] {
			r.t.Errorf("count %d: %s comes twice", count, name)
		}
		seen[name] = true
		if largest != nil {
			*largest = max(*largest, uint32(size))
		}
	}
	for {
		got, err := r.rpc(read)
		if err != nil || len(got.Data) == 0 {
			return len(seen), err
		}
		if len(got.Data) > int(count) {
			return len(seen), fmt.Errorf("%d bytes for a count of %d", len(got.Data), count)
		}
		if r.dotl {
			ents, err := p9.ParseDirents(got.Data)
			if err != nil {
				return len(seen), err
			}
			for i := range ents {
				note(ents[i].Name, p9.DirentSize(&ents[i]))
				read.Offset = ents[i].Cookie
			}
			continue
		}
		read.Offset += uint64(len(got.Data))
		for b := got.Data; len(b) > 0; {
			st, rest, err := p9.ParseStat(b)
			if err != nil {
				return len(seen), err
			}
			note(st.Name, len(b)-len(rest))
			b = rest
		}
	}
}
