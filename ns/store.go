package ns

import (
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

// A store is what a server's files have, kept from one session to the next: a directory of files,
// each named by the SHA-256 of what is in it, and the list of what was used. Nothing in it is
// believed: what is taken from it is summed first. It is one user's alone, and may be used by many
// at once. Each server has its own, so that none is asked about what is another's, nor can tell by
// what is not read of it whether another has it as well.

// sum is the name of what a file has. The zero one is of nothing.
type sum [sha256.Size]byte

var (
	storeMost  int64 = 256 << 20 // bytes in all stores; the oldest go first
	storeQueue int64 = 64 << 20  // bytes that wait to be written
)

const storesMost = 64 // servers that have one; who was used longest ago goes first

const (
	storeUses = "uses"
	storeTemp = "new-"
	tempOld   = time.Hour // who made it is not at it any more
)

type store struct {
	all  *os.Root // where all servers' are
	root *os.Root

	doing sync.Mutex    // guards n, and idle
	n     int           // pieces that are being had or written
	idle  chan struct{} // closed when there is none any more

	queued atomic.Int64 // bytes that wait to be written
	broken atomic.Bool  // nothing can be written, the disk may be full

	mu   sync.Mutex // held while something is written
	size int64      // bytes in all stores, 0 if that is not known
}

// openStore opens the user's for a server, which is made where there is none.
func openStore(server string) (*store, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "ninespace", "constant")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &store{}
	if s.all, err = private(os.OpenRoot(dir)); err != nil {
		return nil, err
	}
	name := sum(sha256.Sum256([]byte(server))).String()
	made := s.all.Mkdir(name, 0o700)
	if s.root, err = private(s.all.OpenRoot(name)); err != nil {
		s.all.Close()
		return nil, err
	}
	if made == nil {
		s.few(name)
	}
	return s, nil
}

// private gives a directory that was opened, unless it is another user's or open to others.
func private(root *os.Root, err error) (*os.Root, error) {
	if err != nil {
		return nil, err
	}
	fi, err := root.Stat(".")
	if err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() || fi.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s: %w", root.Name(), fs.ErrPermission)
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// few removes the store that was used longest ago, but for one, if there are too many.
func (s *store) few(but string) {
	ents, err := fs.ReadDir(s.all.FS(), ".")
	if err != nil {
		return
	}
	n, oldest, at := 0, "", time.Time{}
	for _, e := range ents {
		fi, err := e.Info()
		if err != nil || !fi.IsDir() {
			continue
		}
		if n++; e.Name() != but && (oldest == "" || fi.ModTime().Before(at)) { // what is used is written down there
			oldest, at = e.Name(), fi.ModTime()
		}
	}
	if n > storesMost {
		s.all.RemoveAll(oldest)
	}
}

// close lets go of it.
func (s *store) close() {
	s.root.Close()
	s.all.Close()
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
		name := sum(sha256.Sum256(b))
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.has(name, uint64(n)) || s.broken.Load() {
			return
		}
		if s.trim(n) != nil || s.write(name.String(), b) != nil {
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
	type piece struct {
		path string
		fi   fs.FileInfo
	}
	var all []piece
	s.size = n
	err := fs.WalkDir(s.all.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == storeUses {
			return nil // others may remove it meanwhile
		}
		fi, err := e.Info()
		switch {
		case err != nil:
		case strings.HasPrefix(e.Name(), storeTemp):
			if time.Since(fi.ModTime()) > tempOld {
				s.all.Remove(path)
			}
		default:
			all = append(all, piece{path, fi})
			s.size += fi.Size()
		}
		return nil
	})
	if err != nil || s.size <= storeMost {
		return err
	}
	slices.SortFunc(all, func(a, b piece) int { return a.fi.ModTime().Compare(b.fi.ModTime()) })
	for _, p := range all {
		if s.size <= storeMost/4*3 {
			break
		}
		if err := s.all.Remove(p.path); err == nil || errors.Is(err, fs.ErrNotExist) {
			s.size -= p.fi.Size()
		}
	}
	return nil
}
