package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ninespace/srv/p9"
)

// Directories: what is served, and listing it.

// The directories of many and of a million names.
const (
	many     = "many"
	manySize = 10000

	million     = "million"
	millionSize = 1000000
)

// nameOf is a directory's i'th name: all have the same length.
func nameOf(i int) string { return fmt.Sprintf("f%06d", i) }

// fill makes what is served.
func fill(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"file", "to"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "made"), 0o755); err != nil {
		return err
	}
	return crowd(ctx, filepath.Join(dir, many), manySize)
}

// crowd makes a directory of n empty files.
func crowd(ctx context.Context, dir string, n int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := touch(filepath.Join(dir, nameOf(i))); err != nil {
			return err
		}
	}
	return nil
}

// listing lists a directory, checks that each name comes once, and measures
// entries a second. base lists many, local does so without a server.
func listing(dir string, size int) measure {
	return func(b *bench, r *row) map[string]*result {
		results := b.results(r)
		lists := map[string]func() (int, error){}
		for _, name := range r.peers {
			res, s, dir, size := results[name], b.servers[name], dir, size
			if res.err != nil {
				continue
			}
			if isBase(name) {
				dir, size = many, manySize
			}
			if s.local {
				lists[name] = func() (int, error) { return size, drain(filepath.Join(b.data, dir)) }
			} else {
				c, err := dial(s, make([]byte, readAhead))
				if err != nil {
					res.err = s.blame(err)
					continue
				}
				defer c.close()
				lists[name] = func() (int, error) { return c.list(dir, size) }
			}
			n, err := lists[name]()
			if err != nil {
				res.err = s.blame(err)
			} else if n != size {
				res.note = fmt.Sprintf("lists %d of %d", n, size)
			}
		}
		b.paired(r, results, b.rounds, func(name string) (sample, error) {
			begin, n := time.Now(), 0
			for {
				k, err := lists[name]()
				if err != nil {
					return sample{}, err
				}
				n += k
				if t := time.Since(begin); t >= b.span {
					return sample{value: float64(n) / t.Seconds()}, nil
				}
			}
		})
		return results
	}
}

// listSize is what one message of a listing may be long, if msize has room.
const listSize = 64 << 10

// list reads a directory of size names and returns how many of them it saw. A
// name that comes twice or that is none of them is an error.
func (c *conn) list(dir string, size int) (int, error) {
	if err := c.open(fileFid, 0, dir); err != nil {
		return 0, err
	}
	t, want := p9.Tread, p9.Rread
	if c.dotl {
		t, want = p9.Treaddir, p9.Rreaddir
	}
	seen := make([]bool, size)
	n := 0
	for off := uint64(0); ; {
		c.begin(t, 0)
		c.u32(fileFid)
		c.u64(off)
		c.u32(uint32(min(listSize, c.msize) - ioHeader))
		c.end()
		b, err := c.rpc(want)
		if err != nil {
			return n, err
		}
		if b = b[4:]; len(b) == 0 {
			break
		}
		if !c.dotl {
			off += uint64(len(b))
		}
		for len(b) > 0 {
			var name []byte
			if c.dotl { // qid[13] offset[8] type[1] name[s]
				off = le.Uint64(b[13:])
				end := 24 + int(le.Uint16(b[22:]))
				name, b = b[24:end], b[end:]
			} else { // a stat: size[2], 39 bytes, name[s], ...
				end := 2 + int(le.Uint16(b))
				name, b = b[43:43+int(le.Uint16(b[41:]))], b[end:]
			}
			if i, ok := number(name); ok {
				if i >= size || seen[i] {
					return n, fmt.Errorf("%q is listed twice, or is not there", name)
				}
				seen[i] = true
				n++
			}
		}
	}
	c.sendFid(p9.Tclunk, 0, fileFid)
	_, err := c.rpc(p9.Rclunk)
	return n, err
}

// number is nameOf's inverse. What has none is "." or "..".
func number(name []byte) (i int, ok bool) {
	if len(name) < 2 || name[0] != 'f' {
		return 0, false
	}
	for _, d := range name[1:] {
		if i = i*10 + int(d-'0'); d < '0' || d > '9' {
			return 0, false
		}
	}
	return i, true
}
