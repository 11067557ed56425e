package ipcfs

import (
	"errors"
	"os"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestSem(t *testing.T) {
	each(t, Config{}, func(x tree) {
		f, err := x.create("sem", "s", p9.OWRITE|p9.OTRUNC)
		if err != nil {
			x.Fatal(err)
		}
		x.Write(f, "2\n")
		for range 2 {
			if s := x.Text("sem/s"); s != acquired {
				x.Errorf("%q", s)
			}
		}
		var ps []*pending
		for i := range 3 {
			ps = append(ps, x.start(x.Open("sem/s", p9.OREAD)))
			x.status("sem/s value 0 waiting " + string(rune('1'+i)))
		}
		ps[0].flushed()
		x.status("sem/s value 0 waiting 2")
		x.Write(f, "\n")
		ps[1].ends(acquired)
		x.Write(f, "5")
		ps[2].ends(acquired)
		x.status("sem/s value 4 waiting 0")
		x.fails(x.echo("-1", "sem/s"), "bad count -1")
		x.fails(x.echo("4611686018427387904", "sem/s"), "bad count")
		x.fails(x.echo("4611686018427387903", "sem/s"), "are more than")
		r := x.Open("sem/s", p9.OREAD)
		for range 4 {
			x.reads(r, acquired) // each at offset 0
		}
		p := x.start(r)
		x.status("sem/s value 0 waiting 1")
		x.must("sem s 1", "ctl")
		p.ends(acquired)
		p = x.start(r)
		x.status("sem/s value 0 waiting 1")
		if err := (client.Fsys{Root: x.Root}).Remove(x.Context(), "sem/s"); err != nil {
			x.Fatal(err)
		}
		if <-p.done; !errors.Is(p.err, syscall.EIDRM) {
			x.Error(p.text, p.err)
		}
		p.stop()
		if _, err := f.Write(x.Context(), []byte("1"), 0); !errors.Is(err, syscall.EIDRM) {
			x.Error(err)
		}
	})
}

func TestMutex(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("mutex m", "ctl")
		a, b, c := x.Open("mutex/m", p9.ORDWR), x.Open("mutex/m", p9.ORDWR), x.Open("mutex/m", p9.OREAD)
		x.reads(a, acquired)
		x.reads(a, acquired) // it has it
		p := x.start(b)
		x.status("mutex/m held by " + me(x) + " waiting 1")
		x.fails(func() error { _, err := b.Write(x.Context(), []byte("release"), 0); return err }(), "mutex m is not held by this fid")
		x.fails(func() error { _, err := a.Write(x.Context(), []byte("free"), 0); return err }(), "who has a mutex writes release")
		x.Write(a, "release\n")
		p.ends(acquired)
		p = x.start(c)
		x.status("mutex/m held by " + me(x) + " waiting 1")
		p2 := x.start(a)
		x.status("mutex/m held by " + me(x) + " waiting 2")
		p.flushed()
		x.clunk(b)
		p2.ends(acquired)
		x.clunk(a)
		x.clunk(c)
		x.status("mutex/m free waiting 0")
	})
}

// me is the name of who runs the test.
func me(x tree) string {
	u, err := user.Current()
	if err != nil {
		x.Fatal(err)
	}
	return u.Username
}

// TestMutexMany counts with a plain variable.
func TestMutexMany(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("mutex m", "ctl")
		n := 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					f := x.Open("mutex/m", p9.OREAD)
					if _, err := read(x.Context(), f, 100); err != nil {
						x.Error(err)
					}
					n++
					x.clunk(f)
				}
			})
		}
		wg.Wait()
		if n != 400 {
			x.Error(n)
		}
	})
}

func TestEvent(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("event e 3", "ctl")
		x.must("nobody hears", "event/e")
		a, b := x.Open("event/e", p9.OREAD), x.Open("event/e", p9.ORDWR)
		x.Write(b, "one")
		c := x.Open("event/e", p9.OREAD)
		p := x.start(c)
		x.Write(b, "two")
		p.ends("two")
		x.reads(a, "one")
		if s, err := read(x.Context(), a, 1); s != "t" || err != nil {
			x.Error(s, err)
		}
		x.reads(a, "wo")
		x.reads(b, "one")
		for _, m := range []string{"3", "4", "5", "6"} {
			x.Write(b, m)
		}
		_, err := read(x.Context(), b, 10)
		x.fails(err, "2 messages lost")
		for _, m := range []string{"4", "5", "6"} {
			x.reads(b, m)
		}
		p = x.start(b)
		p.flushed()
		x.must("7", "event/e")
		x.reads(b, "7")
		x.status("event/e backlog 3 readers 3")
		x.clunk(c)
		x.status("event/e backlog 3 readers 2")
		p = x.start(b)
		if err := (client.Fsys{Root: x.Root}).Remove(x.Context(), "event/e"); err != nil {
			x.Fatal(err)
		}
		if <-p.done; !errors.Is(p.err, syscall.EIDRM) {
			x.Error(p.text, p.err)
		}
		p.stop()
	})
}

func TestSegment(t *testing.T) {
	each(t, Config{}, func(x tree) {
		fsys := client.Fsys{Root: x.Root}
		if err := fsys.Mkdir(x.Context(), "segment/g", 0o700); err != nil {
			x.Fatal(err)
		}
		_, err := srvtest.ReadFile(x.Context(), x.Root, "segment/g/ctl")
		x.fails(err, "segment not yet allocated")
		for _, mode := range []p9.Mode{p9.OREAD, p9.OWRITE, p9.ORDWR} {
			_, err := srvtest.Open(x.Context(), x.Root, "segment/g/data", mode)
			x.fails(err, "segment not yet allocated")
		}
		both := x.Open("segment/g/ctl", p9.ORDWR) // to write to it, and then read
		for _, c := range []struct{ line, err string }{
			{"va 0", "usage: va base length"}, {"va x 1", "bad base x"}, {"va 0 -1", "bad length -1"}, {"free", `"free"`},
		} {
			x.fails(x.echo(c.line, "segment/g/ctl"), c.err)
		}
		// From the page that the first byte is in to the end of the last's.
		if _, err := both.Write(x.Context(), []byte("va 0x10000fff 0x1001"), 0); err != nil {
			x.Fatal(err)
		}
		d := x.Open("segment/g/data", p9.ORDWR)
		x.fails(x.echo("va 0 4096", "segment/g/ctl"), "segment g has its memory already")
		ctl := x.Text("segment/g/ctl")
		va, path, ok := strings.Cut(strings.TrimSpace(ctl), "\npath ")
		if va != "va 0x10000000 0x2000" || !ok {
			x.Fatalf("ctl reads %q", ctl)
		}
		if n, err := d.Write(x.Context(), []byte("hello"), 8189); n != 3 || err != nil {
			x.Error(n, err)
		}
		if _, err := d.Write(x.Context(), []byte("hello"), 8192); !errors.Is(err, syscall.EFBIG) && x.Root.Conn().DotL() {
			x.Error(err)
		}
		st, err := d.Stat(x.Context())
		if err != nil || st.Length != 8192 || st.Mode != 0o600 {
			x.Errorf("%+v, %v", st, err)
		}
		// A program that maps it sees the same bytes.
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			x.Fatal(err)
		}
		defer f.Close()
		m, err := syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			x.Fatal(err)
		}
		defer syscall.Munmap(m)
		if s := string(m[8188:]); s != "\x00hel" {
			x.Errorf("%q", s)
		}
		copy(m[100:], "from here")
		p := make([]byte, 9)
		if n, err := d.Read(x.Context(), p, 100); string(p[:n]) != "from here" || err != nil {
			x.Errorf("%q, %v", p[:n], err)
		}
		if err := fsys.Remove(x.Context(), "segment/g"); err != nil {
			x.Fatal(err)
		}
		if _, err := d.Read(x.Context(), p, 0); !errors.Is(err, syscall.EIDRM) {
			x.Error(err)
		}
		if m[100] != 'f' {
			x.Error("what is mapped is gone")
		}
	})
}
