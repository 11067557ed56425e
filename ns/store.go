package ns

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A store is what files have, kept from one session to the next: a directory of files, each named
// by the SHA-256 of what is in it, and the list of what was used. Nothing in it is believed: what
// is taken from it is summed first. It is one user's alone, and may be used by many at once.

// sum is the name of what a file has. The zero one is of nothing.
type sum [sha256.Size]byte

var (
	storeMost  int64 = 256 << 20 // bytes in a store; the oldest go first
	storeQueue int64 = 64 << 20  // bytes that wait to be written
)

const (
	storeUses = "uses"
	storeTemp = "new-"
	tempOld   = time.Hour // who made it is not at it any more
)

type store struct {
	root *os.Root

	doing sync.Mutex    // guards n, and idle
	n     int           // pieces that are being had or written
	idle  chan struct{} // closed when there is none any more

	queued atomic.Int64 // bytes that wait to be written
	broken atomic.Bool  // nothing can be written, the disk may be full

	mu   sync.Mutex // held while something is written
	size int64      // bytes in the store, 0 if that is not known
}

// openStore opens the user's, which is made where there is none.
func openStore() (*store, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "ninespace", "constant")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	fi, err := root.Stat(".")
	if err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() || fi.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s: %w", dir, fs.ErrPermission)
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return &store{root: root}, nil
}

func (n sum) String() string { return hex.EncodeToString(n[:]) }

// has tells whether there seems to be what a sum names, of some length.
func (s *store) has(n sum, length uint64) bool {
	fi, err := s.root.Lstat(n.String())
	return err == nil && fi.Mode().IsRegular() && uint64(fi.Size()) == length
}

// open opens it, nil if it is not there. What is there and is something else is removed.
func (s *store) open(n sum, length uint64) *os.File {
	name := n.String()
	if !s.has(n, length) {
		return nil
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil
	}
	h, now := sha256.New(), time.Now()
	if m, err := io.Copy(h, f); err == nil && uint64(m) == length && sum(h.Sum(nil)) == n {
		s.root.Chtimes(name, now, now)
		return f
	}
	f.Close()
	s.root.Remove(name)
	return nil
}

// begin says that there will be something to put, until end.
func (s *store) begin() {
	s.doing.Lock()
	defer s.doing.Unlock()
	if s.n++; s.n == 1 {
		s.idle = make(chan struct{})
	}
}

func (s *store) end() {
	s.doing.Lock()
	defer s.doing.Unlock()
	if s.n--; s.n == 0 {
		close(s.idle)
	}
}

// wait waits until all has been put, or some time has gone.
func (s *store) wait(limit time.Duration) {
	s.doing.Lock()
	n, idle := s.n, s.idle
	s.doing.Unlock()
	if n == 0 {
		return
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-idle:
	case <-t.C:
	}
}

// put keeps what a file has, soon. b is not changed any more.
func (s *store) put(b []byte) {
	n := int64(len(b))
	if s.broken.Load() || n > storeMost/4 {
		return
	}
	if s.queued.Add(n) > storeQueue {
		s.queued.Add(-n)
		return
	}
	s.begin()
	go func() {
		defer s.end()
		defer s.queued.Add(-n)
		name := sum(sha256.Sum256(b)).String()
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, err := s.root.Lstat(name); err == nil || s.broken.Load() {
			return
		}
		if s.trim(n) != nil || s.write(name, b) != nil {
			s.broken.Store(true) // it is not tried again and again
		}
	}()
}

// write makes a file, as a whole or not at all.
func (s *store) write(name string, b []byte) error {
	temp := fmt.Sprintf("%s%d-%d", storeTemp, os.Getpid(), time.Now().UnixNano())
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		s.root.Remove(temp)
	}
	return err
}

// trim makes room for n bytes. s.mu is held.
func (s *store) trim(n int64) error {
	if s.size += n; s.size > n && s.size <= storeMost { // others may have put something too, which is seen the next time
		return nil
	}
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	ents, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	var all []fs.FileInfo
	s.size = n
	for _, e := range ents {
		fi, err := e.Info()
		switch {
		case err != nil || !fi.Mode().IsRegular() || e.Name() == storeUses:
		case strings.HasPrefix(e.Name(), storeTemp):
			if time.Since(fi.ModTime()) > tempOld {
				s.root.Remove(e.Name())
			}
		default:
			all = append(all, fi)
			s.size += fi.Size()
		}
	}
	if s.size <= storeMost {
		return nil
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, fi := range all {
		if s.size <= storeMost/4*3 {
			break
		}
		if err := s.root.Remove(fi.Name()); err == nil || errors.Is(err, fs.ErrNotExist) {
			s.size -= fi.Size()
		}
	}
	return nil
}

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
	usesAge   = 8               // sessions
	usesBytes = 64 << 20        // that the files have
	usesText  = usesMost * 4200 // bytes of the list
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
		if seen[u.path] || u.age > usesAge || len(seen) >= usesMost || size+u.size > usesBytes || strings.ContainsAny(u.path, "\n\r") {
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
