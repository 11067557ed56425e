package client_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A shuffler is between a client and a server. Replies to requests that came
// together go back in any order or, without replies, the requests are done in any
// order, as a server with several workers may do them; that promises no other.
type shuffler struct {
	dotl    bool
	rand    *rand.Rand
	replies bool
}

func (s *shuffler) between(t *testing.T, server *srv.Server) io.ReadWriteCloser {
	up := srvtest.Serve(t, server)
	client, down := srvtest.Pair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(down, up)
		down.Close()
		up.Close()
	}()
	t.Cleanup(func() { client.Close(); <-done })
	return client
}

func readFrame(r io.Reader) ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.LittleEndian.Uint32(h[:]))
	copy(b, h[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

func (s *shuffler) run(down, up net.Conn) {
	in := bufio.NewReaderSize(down, 64<<10)
	for {
		var batch [][]byte
		for len(batch) == 0 || in.Buffered() > 0 {
			b, err := readFrame(in)
			if err != nil {
				return
			}
			batch = append(batch, b)
		}
		if !s.replies {
			s.shuffle(batch)
		}
		var replies [][]byte
		for _, b := range batch {
			var f p9.Fcall
			if !s.replies && f.Decode(b, s.dotl) == nil && f.Type == p9.Tversion {
				f.Version = strings.TrimSuffix(f.Version, p9.InOrder)
				b, _ = f.Append(nil, s.dotl)
			}
			up.Write(b)
			r, err := readFrame(up)
			if err != nil {
				return
			}
			replies = append(replies, r)
		}
		s.shuffle(replies)
		for _, r := range replies {
			down.Write(r)
		}
	}
}

func (s *shuffler) shuffle(b [][]byte) {
	s.rand.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
}

// TestReplies has the replies come in any order: that is no disorder, and nothing
// is done twice.
func TestReplies(t *testing.T) { shuffled(t, true) }

// TestDisorder has servers that don't keep the order of requests, and don't say
// that they do: nothing is sent ahead.
func TestDisorder(t *testing.T) { shuffled(t, false) }

func shuffled(t *testing.T, replies bool) {
	for _, dotl := range []bool{false, true} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprint(dotl, " ", seed), func(t *testing.T) {
				s := &shuffler{dotl: dotl, rand: rand.New(rand.NewPCG(seed, 9)), replies: replies}
				if root := disorder(t, setup{dotl: dotl, between: s.between}); client.Ordered(root.Conn()) != replies {
					t.Errorf("keeps the order: %v", !replies)
				}
			})
		}
	}
}

func disorder(t *testing.T, su setup) *client.Fid {
	tree := pipeTree()
	root, _ := su.mount(t, tree)
	s := client.Fsys{Root: root}
	check := func(what string, err, want error) {
		t.Helper()
		if want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	has := func(name, text string) {
		t.Helper()
		if b, err := s.ReadFile(ctx, name); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	// Which call meets the disorder first is up to chance.
	steps := []func(){
		func() { has("sub/leaf", "leaf\n") },
		func() {
			_, err := s.Stat(ctx, "sub/leaf")
			check("stat", err, nil)
			_, err = s.Stat(ctx, "sub/none")
			check("stat of nothing", err, fs.ErrNotExist)
		},
		func() {
			check("mkdir", s.Mkdir(ctx, "sub/d", 0o777), nil)
			check("mkdir again", s.Mkdir(ctx, "sub/d", 0o777), fs.ErrExist)
		},
		func() {
			check("write", s.WriteFile(ctx, "sub/f", []byte("text"), 0o666), nil)
			has("sub/f", "text")
			check("write again", s.WriteFile(ctx, "sub/f", []byte("again"), 0o666), nil)
			has("sub/f", "again")
			check("remove", s.Remove(ctx, "sub/f"), nil)
			check("remove again", s.Remove(ctx, "sub/f"), fs.ErrNotExist)
		},
		func() {
			f, err := s.Create(ctx, "sub/new", 0o666, p9.OWRITE|p9.OEXCL)
			check("create", err, nil)
			if err == nil {
				check("close", f.Close(), nil)
			}
		},
		func() {
			f, err := root.WalkOpen(ctx, p9.OREAD, "a")
			check("open", err, nil)
			if err == nil {
				b := make([]byte, 10)
				if n, err := f.Read(ctx, b, 0); string(b[:n]) != "hello" {
					t.Errorf("read: %q, %v", b[:n], err)
				}
				check("clunk", f.Clunk(ctx), nil)
			}
			_, err = root.WalkOpen(ctx, p9.OWRITE, "shut", "ro")
			check("open for writing", err, fs.ErrPermission)
		},
		func() {
			ents, err := s.ReadDir(ctx, "shut")
			if err != nil || len(ents) != 2 {
				t.Errorf("list: %v, %v", ents, err)
			}
		},
	}
	first := rand.IntN(len(steps))
	for i := range steps {
		steps[(first+i)%len(steps)]()
		if t.Failed() {
			t.Logf("the first step was %d", first)
			break
		}
	}
	return root
}
