package ns

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// The list of a store: what was used of its server's tree.

// A use is a file of a constant tree that was used, or a directory that was listed.
type use struct {
	path string // from the root of the server's tree, without a slash before it
	size uint64 // bytes that were read, if any were
	list bool
	age  int // how many sessions have not used it since
}

// What is remembered of uses.
const (
	usesMost  = 1024
	usesAge   = 8         // sessions
	usesBytes = 64 << 20  // that the files have
	usesText  = 256 << 10 // bytes of the list, about
)

// uses gives what was used before.
func (s *store) uses() (all []use) {
	f, err := s.root.Open(storeUses)
	if err != nil {
		return nil
	}
	defer f.Close()
	for in := bufio.NewScanner(io.LimitReader(f, usesText)); in.Scan() && len(all) < usesMost; {
		var u use
		var kind string
		head, path, ok := strings.Cut(in.Text(), "\t")
		if n, _ := fmt.Sscan(head, &kind, &u.size, &u.age); !ok || n != 3 || !fs.ValidPath(path) {
			continue
		}
		u.path, u.list = path, kind == "d"
		all = append(all, u)
	}
	return all
}

// setUses writes down what was used in a session, and of what had been before it the rest, as long
// as that is not too old.
func (s *store) setUses(now, before []use) error {
	var b bytes.Buffer
	seen, size := map[string]bool{}, uint64(0)
	for i, u := range slices.Concat(now, before) {
		if i >= len(now) {
			u.age++
		}
		if seen[u.path] || u.age > usesAge || len(seen) >= usesMost || size+u.size > usesBytes || b.Len()+len(u.path) > usesText || strings.ContainsAny(u.path, "\n\r") {
			continue
		}
		seen[u.path] = true
		kind := 'f'
		if u.list {
			kind = 'd'
		}
		size += u.size
		fmt.Fprintf(&b, "%c %d %d\t%s\n", kind, u.size, u.age, u.path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(storeUses, b.Bytes())
}
