package ns

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Whoever the server is, no more is asked of it at once than there is room for.
const (
	inquireLists = fetchUnder
	inquireMost  = 4 << 10 // entries of each
)

// An inquiry is what the server is asked about one file that was used before.
type inquiry struct {
	use
	names []string
	in    *inquiry // its directory
	at    time.Time

	done chan struct{} // closed when the answer is known; then
	file *kept         // the file, held; nil: there is none

	r       client.Content
	err     error
	come    chan struct{} // closed when the listing has come; nil: none was asked for
	dir     p9.Qid        // of what was listed; of version 0 where it could not be
	entries []client.Entry
}

// revalidate asks at once about all that was used of a constant tree before, and waits for nothing.
func (c *cache) revalidate(top *inquiry) {
	all := c.inquiries(top)
	t, ctx, root := c.begin(), context.Background(), c.root.fid
	var asked sync.WaitGroup
	lists := 0
	for _, a := range all {
		if a.list && lists < inquireLists {
			lists++
			a.come = make(chan struct{})
		}
		asked.Go(func() {
			a.r, a.err = root.WalkSum(ctx, a.names...)
			<-a.in.done
			c.mu.Lock()
			c.answered(a, t)
			c.mu.Unlock()
			close(a.done)
		})
		if a.come != nil {
			asked.Go(func() {
				a.dir, a.entries, _ = root.ListStat(ctx, client.Listing{Most: inquireMost, Stats: largeDir}, a.names...)
				close(a.come)
			})
		}
	}
	go func() {
		asked.Wait()
		for _, a := range all {
			if a.file != nil {
				a.file.Clunk()
			}
		}
	}()
}

// inquiries gives what is to be asked about a tree. Who needs one of the files meanwhile waits for
// its answer.
func (c *cache) inquiries(top *inquiry) (all []*inquiry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	top.path = top.file.inTree()
	for _, u := range c.constant.before {
		if u.path != top.path && (top.path == "" || strings.HasPrefix(u.path, top.path+"/")) {
			all = c.inquire(all, top, u)
		}
	}
	return all
}

// inquire adds a file, and the directories in which it is, to what is to be asked, but for what
// was asked before. c.mu is held.
func (c *cache) inquire(all []*inquiry, top *inquiry, u use) []*inquiry {
	if a := c.constant.asked[u.path]; a != nil {
		a.list = a.list || u.list && slices.Contains(all, a)
		return all
	}
	a := &inquiry{use: u, names: strings.Split(u.path, "/"), in: top, at: time.Now(), done: make(chan struct{})}
	if up := path.Dir(u.path); up != "." && up != top.path {
		all = c.inquire(all, top, use{path: up})
		a.in = c.constant.asked[up]
	}
	c.constant.asked[u.path] = a
	return append(all, a)
}

// answered takes what the server has said of a file. c.mu is held.
func (c *cache) answered(a *inquiry, t ticket) {
	d, name := a.in.file, a.names[len(a.names)-1]
	if d == nil || a.err != nil {
		if d != nil && errors.Is(a.err, fs.ErrNotExist) && d.st.Qid.Vers != 0 && t.holds(d) {
			d.know(name, nil, t)
		}
		return
	}
	k := c.enter(d, name, &a.r.Stat, t)
	a.file = k.hold()
	if !t.holds(k) || !c.bound(k.at) {
		return
	}
	if a.r.Target != "" {
		k.target = a.r.Target
	}
	if a.r.HasSum && k.st.Mode.IsRegular() {
		c.summed(k, sum(a.r.Sum))
	}
	if a.come != nil && k.coming == nil && !c.good(k.listed) {
		c.fetch(k, func(context.Context) {
			<-a.come
			c.mu.Lock()
			defer c.mu.Unlock()
			if a.dir.Path == k.path && a.dir.Vers != 0 && !c.good(k.listed) {
				k.listing(a.entries, t, false)
			}
			a.entries = nil
		})
	}
}

// summed takes the sum of what a file has: if that is not in the store, it is asked for ahead.
// c.mu is held.
func (c *cache) summed(k *kept, n sum) {
	switch {
	case c.constant.disk.has(n, k.st.Length):
		k.read, k.sum, k.sumAs = true, &n, k.turn
	case k.worthFetching(fetchProgram):
		k.hold()
		go func() {
			c.read(context.Background(), k, false)
			k.Clunk()
		}()
	}
}
