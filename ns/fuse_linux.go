package ns

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/ns/devfuse"
)

// How long the kernel may trust what it was told. A directory is where it was for
// a second; so are a symbolic link, the engine's own files and what is made when it is
// opened: that it is gone the open says, and the kernel looks again. Another file's name
// and attributes serve one system call or a few that follow each other, such as
// tar's stat, open and fstat: another machine's change is seen after that, and its
// data at the next open. The name of what is made up as it is read (version 0) is
// asked for each time. A name over which the kernel itself has a mount leads there
// for good. Who gets a lock believes less: fuseFS.locked.
const (
	nameTimeout  = time.Second
	fileTimeout  = 10 * time.Millisecond
	graftTimeout = time.Hour

	fileBelieved = 2 * fileTimeout // at most, as the kernel counts in ticks
	nameBelieved = nameTimeout + fileTimeout
)

// A fuseFS shows an engine's groups as one FUSE file system: its root has the
// directory gN for group N. Directories have a node for each name, so that no
// process loses its place when a name comes to mean something else, and files
// one for each file, so that there is one page cache of it.
type fuseFS struct {
	eng  *Engine
	own  ids
	exp  bool // the kernel can be told to ask again for a name
	maps bool // it maps files whose reads it passes on as they are

	conn      *devfuse.Conn // nil: none
	served    chan struct{} // closed when the kernel asks nothing any more
	alone     atomic.Bool   // the kernel is lent no files
	waits     lockWaits
	writes    atomic.Uint64 // how many there were
	doubts    atomic.Uint64 // how often what is on its way was not to be believed: a lock was got, or others changed something
	answering sync.RWMutex  // by who tells of a directory's name, until the kernel knows
	owed      owed
	drops     drops
	tops      tops
	teachers  sync.Map // numbers of threads that teach

	mu    sync.RWMutex
	nodes map[uint64]*node
	files map[fileKey]*node
	dirs  map[dirKey]map[*node]struct{} // a file's names
	last  uint64

	hmu     sync.RWMutex
	handles map[uint64]any // *fileHandle, *dirHandle
	lastFh  uint64
}

func newFuseFS(eng *Engine) *fuseFS {
	f := &fuseFS{eng: eng, own: myIds(),
		nodes: map[uint64]*node{}, files: map[fileKey]*node{}, dirs: map[dirKey]map[*node]struct{}{}, handles: map[uint64]any{}, last: devfuse.RootId,
		drops: drops{devs: map[uint64]*devDrops{}}}
	f.nodes[devfuse.RootId] = &node{fs: f, id: devfuse.RootId, dir: true, lookup: 1, kids: map[string]*node{}}
	return f
}

// connect begins to answer the kernel on a descriptor of /dev/fuse.
func (f *fuseFS) connect(fd int) error {
	if err := f.agree(fd, f); err != nil {
		return err
	}
	f.served = make(chan struct{})
	go func() {
		f.conn.Serve()
		close(f.served)
	}()
	return nil
}

// agree has what is asked on fd be answered by fs, which is f or stands before it.
func (f *fuseFS) agree(fd int, fs devfuse.FS) error {
	conn, err := devfuse.New(fd, fs, devfuse.Options{MaxWrite: maxWrite, Flags: devfuse.CapAsyncRead | devfuse.CapBigWrites |
		devfuse.CapFileOps | devfuse.CapParallelDirops | devfuse.CapReaddirplus | devfuse.CapReaddirplusAuto | devfuse.CapCacheSymlinks |
		devfuse.CapMaxPages | devfuse.CapPassthrough | devfuse.CapExpireOnly | devfuse.CapAtomicTrunc |
		devfuse.CapDirectMmap | devfuse.CapKillPriv | devfuse.CapPosixLocks | devfuse.CapFlockLocks, Old: devfuse.CapAutoInvalData})
	if err != nil {
		return fmt.Errorf("fuse: %w", err)
	}
	f.conn, f.exp, f.maps = conn, conn.Has(devfuse.CapExpireOnly), conn.Has(devfuse.CapDirectMmap)
	f.alone.Store(!conn.Has(devfuse.CapPassthrough))
	tell := f.forgotten
	f.eng.forgotten.Store(&tell) // a lease may be there already, and tell at once
	return nil
}

func groupDir(id int) string { return "g" + strconv.Itoa(id) }

// groupOf finds the group of the root's entry name.
func (f *fuseFS) groupOf(name string) *Group { return f.eng.groupNamed(name) }

func (e *Engine) groupNamed(name string) *Group {
	if len(name) < 2 || name[0] != 'g' {
		return nil
	}
	id, err := strconv.Atoi(name[1:])
	if err != nil {
		return nil
	}
	return e.group(id)
}

// Brief tells of nodes about which the engine itself answers, or the host's disks, or a
// server that has been quick of late.
func (f *fuseFS) Brief(id uint64) bool {
	brief := true
	f.about(id, func(c *Chan) { brief = brief && c.brief() })
	return brief
}

// Took has what a node is of be taken for quick, or not.
func (f *fuseFS) Took(id uint64, long bool) { f.about(id, func(c *Chan) { c.dev.took(long) }) }

// about calls do with each Chan that a node stands for.
func (f *fuseFS) about(id uint64, do func(*Chan)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch n := f.nodes[id]; {
	case n == nil || n.ch == nil:
	case n.dir && n.group != nil:
		n.group.pg.each(n.ch, do)
	default:
		do(n.ch)
	}
}
