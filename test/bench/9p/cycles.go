package main

import (
	"errors"
	"fmt"
	"syscall"

	"ninespace/srv/p9"
)

// fileSize is that of file, which is read, and of to, which is written.
const fileSize = 2 << 20

// A cycler prepares a connection for a cycle of messages and returns it, with
// the number of cycles that count as one of the row's operations.
type cycler func(c *conn, depth int) (cycle []step, per float64, note string, err error)

// transfer reads or writes a file of fileSize by messages of size bytes, or of
// what the peer's msize has room for, from the front to the end and again.
func transfer(size int, write bool) cycler {
	return func(c *conn, depth int) ([]step, float64, string, error) {
		n := min(size, c.msize-ioHeader)
		name, mode := "file", uint32(0)
		if write {
			name, mode = "to", 1
		}
		if err := c.open(fileFid, mode, name); err != nil {
			return nil, 0, "", err
		}
		note := ""
		if n < size*9/10 {
			note = fmt.Sprintf("msize %d: %d bytes a message", c.msize, n)
		}
		off := 0
		next := func() uint64 {
			if off += n; off+n > fileSize {
				off = 0
			}
			return uint64(off)
		}
		per := float64(size) / float64(n)
		if note == "" {
			per = 1
		}
		if write {
			data := []byte(content[:n])
			return []step{{want: p9.Rwrite, count: uint32(n), send: func(c *conn, slot int) error {
				c.begin(p9.Twrite, slot)
				c.u32(fileFid)
				c.u64(next())
				return c.endWith(data)
			}}}, per, note, nil
		}
		return []step{{want: p9.Rread, count: uint32(n), send: func(c *conn, slot int) error {
			c.begin(p9.Tread, slot)
			c.u32(fileFid)
			c.u64(next())
			c.u32(uint32(n))
			c.end()
			return nil
		}}}, per, note, nil
	}
}

// open walks from the root and opens: mode 0 reads, 1 writes, 2 both.
func (c *conn) open(fid uint32, mode uint32, names ...string) error {
	if err := c.walk(fid, names...); err != nil {
		return err
	}
	if c.dotl {
		c.begin(p9.Tlopen, 0)
		c.u32(fid)
		c.u32(mode)
		c.end()
		_, err := c.rpc(p9.Rlopen)
		return err
	}
	c.begin(p9.Topen, 0)
	c.u32(fid)
	c.u8(uint8(mode))
	c.end()
	_, err := c.rpc(p9.Ropen)
	return err
}

func (c *conn) walk(fid uint32, names ...string) error {
	c.sendWalk(0, rootFid, fid, names...)
	body, err := c.rpc(p9.Rwalk)
	if err == nil && int(body[0]) != len(names) {
		err = fmt.Errorf("walk %q: got %d far", names, body[0])
	}
	return err
}

func (c *conn) sendWalk(tag int, from, to uint32, names ...string) {
	c.begin(p9.Twalk, tag)
	c.u32(from)
	c.u32(to)
	c.u16(uint16(len(names)))
	for _, n := range names {
		c.str(n)
	}
	c.end()
}

func (c *conn) sendFid(t p9.Type, tag int, fid uint32) {
	c.begin(t, tag)
	c.u32(fid)
	c.end()
}

func slotOf(slot int) uint32 { return uint32(slotFid + slot) }

// statCycle walks to a file of a directory, asks for its attributes and clunks
// it, the names in turn. The directory "" is the root.
func statCycle(dir string, names ...string) cycler {
	return func(c *conn, depth int) ([]step, float64, string, error) {
		from := uint32(rootFid)
		if dir != "" {
			from = fileFid
			if err := c.walk(from, dir); err != nil {
				return nil, 0, "", err
			}
		}
		i := 0
		return statSteps(c, func(c *conn, slot int) error {
			c.sendWalk(slot, from, slotOf(slot), names[i%len(names)])
			i++
			return nil
		})
	}
}

func statSteps(c *conn, send func(c *conn, slot int) error) ([]step, float64, string, error) {
	walk := step{want: p9.Rwalk, send: send}
	clunk := step{want: p9.Rclunk, send: func(c *conn, slot int) error {
		c.sendFid(p9.Tclunk, slot, slotOf(slot))
		return nil
	}}
	if !c.dotl {
		return []step{walk, {want: p9.Rstat, send: func(c *conn, slot int) error {
			c.sendFid(p9.Tstat, slot, slotOf(slot))
			return nil
		}}, clunk}, 1, "Tstat", nil
	}
	return []step{walk, {want: p9.Rgetattr, send: func(c *conn, slot int) error {
		c.begin(p9.Tgetattr, slot)
		c.u32(slotOf(slot))
		c.u64(p9.GetattrBasic)
		c.end()
		return nil
	}}, clunk}, 1, "", nil
}

// createCycle makes a file in a directory, writes 4 KiB, clunks and removes it.
// The fid that turns into the file is walked to anew each time.
func createCycle(dir string) cycler {
	return func(c *conn, depth int) ([]step, float64, string, error) { return createSteps(c, depth, dir) }
}

func createSteps(c *conn, depth int, dir string) ([]step, float64, string, error) {
	const dirFid = fileFid
	if err := c.walk(dirFid, dir); err != nil {
		return nil, 0, "", err
	}
	names := make([]string, depth)
	for i := range names {
		names[i] = fmt.Sprintf("%c%02d", c.who[0], i) // none of another server's
	}
	data := []byte(content[:4<<10])
	clone := step{want: p9.Rwalk, send: func(c *conn, slot int) error {
		c.sendWalk(slot, dirFid, slotOf(slot))
		return nil
	}}
	write := step{want: p9.Rwrite, count: 4 << 10, send: func(c *conn, slot int) error {
		c.begin(p9.Twrite, slot)
		c.u32(slotOf(slot))
		c.u64(0)
		return c.endWith(data)
	}}
	create := step{want: p9.Rlcreate, send: func(c *conn, slot int) error {
		c.begin(p9.Tlcreate, slot)
		c.u32(slotOf(slot))
		c.str(names[slot])
		c.u32(0o1 | 0o100) // O_WRONLY, O_CREAT of Linux
		c.u32(0o644)
		c.u32(0)
		c.end()
		return nil
	}}
	if !c.dotl {
		create = step{want: p9.Rcreate, send: func(c *conn, slot int) error {
			c.begin(p9.Tcreate, slot)
			c.u32(slotOf(slot))
			c.str(names[slot])
			c.u32(0o644)
			c.u8(1) // OWRITE
			c.end()
			return nil
		}}
	}
	clunk := step{want: p9.Rclunk, send: func(c *conn, slot int) error {
		c.sendFid(p9.Tclunk, slot, slotOf(slot))
		return nil
	}}
	unlink := step{want: p9.Runlinkat, send: func(c *conn, slot int) error {
		c.begin(p9.Tunlinkat, slot)
		c.u32(dirFid)
		c.str(names[slot])
		c.u32(0)
		c.end()
		return nil
	}}
	if cycle := []step{clone, create, write, clunk, unlink}; c.dotl {
		if _, _, err := c.drive(cycle, 1, 1, 0); !errors.Is(err, syscall.EOPNOTSUPP) {
			return cycle, 1, "", err
		}
		if err := c.walk(slotOf(0), dir, names[0]); err != nil {
			return nil, 0, "", err
		}
		c.sendFid(p9.Tremove, 0, slotOf(0))
		if _, err := c.rpc(p9.Rremove); err != nil {
			return nil, 0, "", err
		}
	}
	remove := step{want: p9.Rremove, send: func(c *conn, slot int) error {
		c.sendFid(p9.Tremove, slot, slotOf(slot))
		return nil
	}}
	return []step{clone, create, write, remove}, 1, "no Tunlinkat: Tremove, a message less", nil
}
