package procfs

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// Near gives a tree of this process's that is the same as what the process pid serves by a
// root of the given qid path: of the same processes, seen with the same rights. end lets go of
// it. Where that is not known tree is nil. What Inline files do at once is the same in both;
// all else is to be left to the server, for who reads trace, say, is told by the one alone
// what was asked of it.
func Near(pid int, root uint64) (tree srv.File, end func()) {
	if root>>62 != 1 || rootPath(pid) != root {
		return nil, nil
	}
	r := newFS(root, nearKept.use())
	return r, sync.OnceFunc(nearKept.end)
}

// nearKept is what all these trees keep, so that many keep no more than one.
var nearKept sharedKeeper

// A sharedKeeper is a keeper that is there as long as it is used.
type sharedKeeper struct {
	mu    sync.Mutex
	k     *keeper
	users int
}

func (s *sharedKeeper) use() *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users++; s.users == 1 {
		s.k = newKeeper()
	}
	return s.k
}

// end is once for each use.
func (s *sharedKeeper) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.k.close()
		s.k = nil
	}
}

// rootPath makes a root's qid path of who serves it and of what the tree depends on: the
// kernel since its start, the instance of /proc, the user and his user namespace. So it is
// the same to this process for a server that sees and may do the same, and not for one that
// only hands on what another machine's says. Bit 62 alone is no process's nor the kit's.
func rootPath(pid int) uint64 {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	id, ierr := new(keeper).identify(pid, false)
	var proc, users unix.Stat_t
	if cmp.Or(err, ierr, unix.Stat("/proc", &proc), unix.Stat("/proc/self/ns/user", &users)) != nil {
		return srv.NewPath()
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %d %d %d %d", boot, proc.Dev, users.Ino, os.Geteuid(), pid, id)
	return 1<<62 | h.Sum64()>>2
}
