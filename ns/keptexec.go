package ns

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Programs: when one is opened to be run, or a library to be loaded, on a server that is far
// away, what it needs is asked for before the loader comes to it: the interpreter of a script,
// what loads a program of ELF, the list by which that finds libraries, and these, and what they
// need. All are looked for in the server's tree as if that were the root: where a session has
// its caller's root it is.

const (
	fetchProgram = 8 << 20 // bytes of a file that a program needs, at most
	maxNeeds     = 256     // files that one program needs
	maxPrograms  = 16      // programs at once
	maxSteps     = 64      // names in a path, with those of the symbolic links in it

	ldCache   = "/etc/ld.so.cache"
	ldPreload = "/etc/ld.so.preload"
)

// isProgram tells whether a file that begins so needs others to be run. c.mu is held.
func (k *kept) isProgram(mode p9.Mode, head []byte) bool {
	switch runs := mode&p9.OEXEC == p9.OEXEC; {
	case bytes.HasPrefix(head, []byte(elfMagic)):
		return runs || strings.Contains(k.name, ".so")
	default:
		return runs && bytes.HasPrefix(head, []byte("#!"))
	}
}

// runs asks for what a program needs that was opened now. c.mu is held.
func (k *kept) runs(mode p9.Mode, head []byte) {
	c := k.c
	if !c.far || !c.bound(k.at) || c.programs >= maxPrograms || k.ran == k.st.Qid.Vers || !k.isProgram(mode, head) {
		return
	}
	k.ran = k.st.Qid.Vers
	k.hold()
	c.programs++
	go func() {
		b := &beginning{ctx: context.Background(), k: k, first: bytes.Clone(head)}
		p := c.newProgram(b.ctx)
		p.of(b.ctx, k, b.first, b)
		if b.fid != nil {
			b.fid.Drop()
		}
		p.all.Wait()
		c.mu.Lock()
		c.programs--
		c.mu.Unlock()
		k.Clunk()
	}()
}

// A program is one whose needs are asked for.
type program struct {
	c   *cache
	all sync.WaitGroup

	mu    sync.Mutex
	asked map[string]bool // paths

	libraries func() map[string][]string // the cache's, looked for once
}

func (c *cache) newProgram(ctx context.Context) *program {
	return &program{c: c, asked: map[string]bool{}, libraries: sync.OnceValue(func() map[string][]string { return c.libraries(ctx) })}
}

// A beginning is a file of which the first bytes are known, and others come from the server.
type beginning struct {
	ctx   context.Context
	k     *kept
	first []byte
	fid   *client.Fid // nil: not opened yet
}

// ReadAt is io.ReaderAt's.
func (b *beginning) ReadAt(p []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(p)) <= int64(len(b.first)) {
		return copy(p, b.first[off:]), nil
	}
	if b.fid == nil {
		from, names, of := b.k.way()
		defer of.Clunk()
		g, err := from.WalkOpen(b.ctx, p9.OREAD, names...)
		if err != nil {
			return 0, err
		}
		b.fid = g
	}
	if b.fid.Qid().Path != b.k.path {
		return 0, io.ErrUnexpectedEOF
	}
	return b.fid.ReadAt(b.ctx, p, off)
}

// of asks for what a file needs that begins so.
func (p *program) of(ctx context.Context, k *kept, head []byte, file io.ReaderAt) {
	if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		if words := strings.Fields(string(line[:min(len(line), pathMost)])); len(words) > 0 {
			p.want(ctx, words[0])
		}
		return
	}
	p.needs(ctx, elfNeeds(file), path.Dir(k.place()))
}

// place is the file's path in the server's tree, as far as it is known, and not much longer than
// a path may be.
func (k *kept) place() string {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.placeNow()
}

// placeNow is place where c.mu is held.
func (k *kept) placeNow() (name string) {
	for i := 0; k.dir != nil && i < maxSteps && len(name) < pathMost; k, i = k.dir, i+1 {
		name = "/" + k.name + name
	}
	return name
}

// needs asks for what a file needs that is in the directory dir.
func (p *program) needs(ctx context.Context, n needs, dir string) {
	if n.interp != "" {
		p.want(ctx, n.interp)
		p.want(ctx, ldPreload)
	}
	if len(n.libs) == 0 {
		return
	}
	for _, d := range n.dirs {
		for _, origin := range []string{"$ORIGIN", "${ORIGIN}"} {
			if rest, ok := strings.CutPrefix(d, origin); ok {
				d = dir + rest
			}
		}
		if !strings.HasPrefix(d, "/") || len(d) > pathMost {
			continue
		}
		for _, name := range n.libs {
			if !p.want(ctx, path.Join(d, name)) {
				return
			}
		}
	}
	p.all.Go(func() {
		list := p.libraries()
		for _, name := range n.libs {
			switch places := list[name]; {
			case strings.Contains(name, "/"):
				p.want(ctx, name)
			case list == nil:
				p.want(ctx, "/lib/"+name)
				p.want(ctx, "/usr/lib/"+name)
			default:
				for _, place := range places {
					p.want(ctx, place)
				}
			}
		}
	})
}

// libraries gives ld.so's list, which is kept for the next program; nil: there is none, or it
// can't be had.
func (c *cache) libraries(ctx context.Context) map[string][]string {
	k := c.root.follow(ctx, ldCache)
	if k == nil {
		return nil
	}
	defer k.Clunk()
	c.mu.Lock()
	of, list := k.st.Qid, c.list
	known := of == c.listOf && k.at.leased && c.good(k.at)
	c.mu.Unlock()
	if known {
		return list
	}
	b := c.read(ctx, k, true)
	if b == nil {
		return nil
	}
	list = ldList(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list, c.listOf = list, of
	return list
}

// want asks for a file, and for what it needs itself. It tells whether more may be asked for.
func (p *program) want(ctx context.Context, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) >= maxNeeds {
		return false
	}
	if !p.asked[name] {
		p.asked[name] = true
		p.all.Go(func() {
			k := p.c.root.follow(ctx, name)
			if k == nil {
				return
			}
			defer k.Clunk()
			if b := p.c.read(ctx, k, false); b != nil {
				p.of(ctx, k, b, bytes.NewReader(b))
			}
		})
	}
	return true
}

// read reads all of a file for who opens it next, and gives it; nil if it can't be had, or was
// opened before, unless it is to be read again.
func (c *cache) read(ctx context.Context, k *kept, again bool) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.await(ctx) != nil || k.data != nil {
		return k.data
	}
	most := min(fetchProgram, uint64(fetchBytes-c.asking))
	if again && !k.fetchable(most) || !again && !k.worthFetching(most) {
		return nil
	}
	buf, ok := make([]byte, k.st.Length), false
	c.asking += len(buf)
	came := c.fetch(k, func(ctx context.Context) { ok = k.fetchData(ctx, buf) })
	c.mu.Unlock()
	<-came
	c.mu.Lock()
	if c.asking -= len(buf); !ok {
		return nil
	}
	return buf
}

// follow finds a file by its path from here, held; nil if there is none, or it is too far.
func (k *kept) follow(ctx context.Context, name string) *kept {
	way := []*kept{k} // all that is gone through, the last the present one
	steps, links, todo := 0, 0, strings.Split(name, "/")
	var held []*kept
	defer func() {
		for _, h := range held {
			h.Clunk()
		}
	}()
	for len(todo) > 0 {
		name, todo = todo[0], todo[1:]
		if steps++; steps > maxSteps {
			return nil
		}
		switch name {
		case "", ".":
			continue
		case "..":
			way = way[:max(1, len(way)-1)]
			continue
		}
		f, st, err := way[len(way)-1].WalkStat(ctx, name)
		if err != nil {
			return nil
		}
		n := f.(*kept)
		held = append(held, n)
		if st.Mode.Type() != fs.ModeSymlink {
			way = append(way, n)
			continue
		}
		target, err := n.Readlink(ctx)
		if links++; err != nil || links > maxLinks || len(target) > pathMost {
			return nil
		}
		if strings.HasPrefix(target, "/") {
			way = way[:1]
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return way[len(way)-1].hold()
}
