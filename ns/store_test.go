package ns

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// newStore opens a store in a directory of the test's.
func newStore(t *testing.T) *store {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s, err := openStore("server")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.wait(srvtest.Patience)
		s.close()
	})
	return s
}

// keep puts something into the store, and waits until it is there.
func (s *store) keep(b []byte) sum {
	s.put(b)
	s.wait(srvtest.Patience)
	return sha256.Sum256(b)
}

// TestStore: what is in the store is what was put there, or nothing.
func TestStore(t *testing.T) {
	srvtest.CheckFiles(t)
	s := newStore(t)
	text := bytes.Repeat([]byte("text"), 1000)
	n := s.keep(text)
	f := s.open(n, uint64(len(text)))
	if f == nil {
		t.Fatal("what was put there is not there")
	}
	b := make([]byte, len(text))
	if _, err := f.ReadAt(b, 0); err != nil || !bytes.Equal(b, text) {
		t.Error(err)
	}
	f.Close()
	if s.open(n, uint64(len(text))-1) != nil || s.open(sum{}, 0) != nil {
		t.Error("the store gives what it has not")
	}
	name := filepath.Join(s.root.Name(), n.String())
	for what, spoil := range map[string]func() error{
		"changed": func() error {
			b := bytes.Clone(text)
			b[77]++
			return os.WriteFile(name, b, 0o600)
		},
		"short": func() error { return os.Truncate(name, 7) },
		"link": func() error {
			if err := os.Rename(name, name+".was"); err != nil {
				return err
			}
			return os.Symlink(name+".was", name)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if f := s.open(n, uint64(len(text))); f != nil {
			t.Error(what, ": it is given all the same")
			f.Close()
		}
		if s.keep(text); !s.has(n, uint64(len(text))) {
			t.Error(what, ": it is not kept again")
		}
	}
}

// TestStoreOthers: a directory that others may read or write, or that is another's, is no store, be
// it a server's or that of all.
func TestStoreOthers(t *testing.T) {
	s := newStore(t)
	for _, root := range []*os.Root{s.root, s.all} {
		if err := root.Chmod(".", 0o750); err != nil {
			t.Fatal(err)
		}
		if _, err := openStore("server"); err == nil {
			t.Error("it is open to a group")
		}
		if err := root.Chmod(".", 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() != 0 { // who may give a directory away
			continue
		}
		if err := root.Chown(".", 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := openStore("server"); err == nil {
			t.Error("it is another's")
		}
		if err := root.Chown(".", 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreServers: each server has a store, which has nothing of another's; there are not too many
// of them, those that were used last; and together they are no larger than they may be.
func TestStoreServers(t *testing.T) {
	defer func(most int64) { storeMost = most }(storeMost)
	storeMost = 100 << 10
	first := newStore(t)
	text := bytes.Repeat([]byte("text"), 2000)
	n := first.keep(text)
	if err := first.setUses([]use{{path: "a"}}, nil); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1, 0)
	if err := first.all.Chtimes(filepath.Base(first.root.Name()), old, old); err != nil {
		t.Fatal(err)
	}
	for i := range storesMost {
		if i == storesMost-1 && !first.has(n, uint64(len(text))) {
			t.Error("the first one has gone while there was room")
		}
		s, err := openStore(fmt.Sprint("server", i))
		if err != nil {
			t.Fatal(err)
		}
		if s.has(n, uint64(len(text))) || len(s.uses()) > 0 {
			t.Error("it has what is another's")
		}
		s.keep(bytes.Repeat([]byte{byte(i)}, 1<<10))
		s.close()
	}
	if ents, err := os.ReadDir(first.all.Name()); err != nil || len(ents) != storesMost {
		t.Errorf("%d stores, %v", len(ents), err)
	}
	if first.has(n, uint64(len(text))) {
		t.Error("the one that was used longest ago is there")
	}
	for i := range storesMost {
		s, err := openStore(fmt.Sprint("server", i))
		if err != nil {
			t.Fatal(err)
		}
		s.keep(bytes.Repeat([]byte{byte(i)}, 10<<10))
		s.close()
	}
	var size int64
	fs.WalkDir(os.DirFS(first.all.Name()), ".", func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			fi, _ := e.Info()
			size += fi.Size()
		}
		return nil
	})
	if size > storeMost || size < storeMost/2 {
		t.Errorf("%d bytes are kept of %d", size, storeMost)
	}
}

// TestStoreLimit: the store is no larger than it may be, and keeps what was used last.
func TestStoreLimit(t *testing.T) {
	defer func(most int64) { storeMost = most }(storeMost)
	storeMost = 100 << 10
	s := newStore(t)
	piece := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 10<<10) }
	var names []sum
	for i := range 50 {
		names = append(names, s.keep(piece(i)))
		at := time.Unix(int64(i), 0)
		if i == 0 {
			at = time.Now() // that one is used all the time
		}
		if err := s.root.Chtimes(names[i].String(), at, at); err != nil {
			t.Fatal(err)
		}
	}
	ents, err := os.ReadDir(s.root.Name())
	if err != nil || len(ents) > 10 || len(ents) < 5 {
		t.Errorf("%d of 50 entries, %v", len(ents), err)
	}
	for _, i := range []int{0, 49} {
		if !s.has(names[i], 10<<10) {
			t.Errorf("entry %d has gone", i)
		}
	}
	if n := s.keep(bytes.Repeat([]byte("x"), 60<<10)); s.has(n, 60<<10) {
		t.Error("one that takes most of it is kept")
	}
}

// TestStoreTwo: two may use the store at once.
func TestStoreTwo(t *testing.T) {
	one := newStore(t)
	two, err := openStore("server")
	if err != nil {
		t.Fatal(err)
	}
	defer two.close()
	var all sync.WaitGroup
	for _, s := range []*store{one, two} {
		all.Go(func() {
			for i := range 100 {
				b := bytes.Repeat([]byte(fmt.Sprintln(i)), 500)
				if f := s.open(s.keep(b), uint64(len(b))); f != nil {
					f.Close()
				} else {
					t.Errorf("entry %d is not there", i)
				}
				if err := s.setUses([]use{{path: fmt.Sprint("a/", i), size: 1}}, nil); err != nil || len(s.uses()) != 1 {
					t.Error("uses: ", err)
				}
			}
		})
	}
	all.Wait()
	ents, err := os.ReadDir(one.root.Name())
	if err != nil || len(ents) != 101 {
		t.Errorf("%d entries, %v", len(ents), err)
	}
}

// TestStoreUses: what was used is written down, what is used no more is forgotten, and a list
// that somebody made up does no harm.
func TestStoreUses(t *testing.T) {
	s := newStore(t)
	now := []use{{path: "usr/bin/a b", size: 7}, {path: "usr/lib", list: true}, {path: "a\nb"}, {path: "large", size: usesBytes}}
	if err := s.setUses(now, []use{{path: "old", age: usesAge - 1}, {path: "older", age: usesAge}, {path: "usr/lib"}}); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.uses())
	if want := fmt.Sprint([]use{now[0], now[1], {path: "old", age: usesAge}}); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	var many []use
	for i := range 2 * usesMost {
		many = append(many, use{path: fmt.Sprint(i)})
	}
	if err := s.setUses(many, nil); err != nil || len(s.uses()) != usesMost {
		t.Error(len(s.uses()), err)
	}
	for i := range many {
		many[i].path += strings.Repeat("/x", 500)
	}
	if err := s.setUses(many, nil); err != nil || len(s.uses()) < 200 || len(s.uses()) > usesText/1000 {
		t.Error(len(s.uses()), err)
	}
	for _, text := range []string{"\x00", "f 1 0\t../x", "f 1 0\t/x", "f\tx", "f 1 0 x", "f 1 0\ta//b", "\t\t\t", strings.Repeat("f", 1<<20)} {
		if err := os.WriteFile(filepath.Join(s.root.Name(), storeUses), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.uses(); len(got) > 0 {
			t.Errorf("%.20q: %v", text, got)
		}
	}
}
