package devfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// terminal gives the master's side of a new one, and its name.
func terminal(t *testing.T) (*os.File, string) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { m.Close() })
	rc, err := m.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	rc.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, fmt.Sprintf("/dev/pts/%d", n)
}

func TestCons(t *testing.T) {
	srvtest.CheckFiles(t)
	m, name := terminal(t)
	keep, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0) // as a shell there would have it
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	lflag := func() uint32 {
		tio, err := unix.IoctlGetTermios(int(keep.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return tio.Lflag & (unix.ICANON | unix.ECHO)
	}
	cooked := lflag()
	srvtest.Each(t, func() srv.File { return New(Config{Cons: name}) }, func(t *testing.T, root *client.Fid) {
		cons, err := srvtest.Open(t.Context(), root, "cons", p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		defer cons.Clunk(t.Context())
		p := make([]byte, 100)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := cons.Read(ctx, p, 0); err == nil {
			t.Errorf("%d bytes before any were typed", n)
		}
		ctl, err := srvtest.Open(t.Context(), root, "consctl", p9.OWRITE)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"rawon", "rawoff", "rawon", "rawon"} {
			if _, err := ctl.Write(t.Context(), []byte(word), 0); err != nil {
				t.Error(word, err)
			}
		}
		if lflag() != 0 {
			t.Error("not raw")
		}
		if _, err := m.WriteString("x"); err != nil { // not a line
			t.Fatal(err)
		}
		if n, err := cons.Read(t.Context(), p, 0); err != nil || string(p[:n]) != "x" {
			t.Errorf("%q, %v", p[:n], err)
		}
		_, err = ctl.Write(t.Context(), []byte("raw"), 0)
		if err == nil || !root.Conn().DotL() && !strings.Contains(err.Error(), "raw: not one of rawoff, rawon") {
			t.Error(err)
		}
		ctl.Clunk(t.Context())
		if !srvtest.Until(func() bool { return lflag() == cooked }) {
			t.Error("still raw")
		}
		if _, err := cons.Write(t.Context(), []byte("out"), 0); err != nil {
			t.Error(err)
		}
		if n, err := m.Read(p); err != nil || string(p[:n]) != "out" {
			t.Errorf("%q, %v", p[:n], err)
		}
	})
	root := srvtest.Mount(t, New(Config{}), true)
	for _, name := range []string{"cons", "consctl"} {
		if _, err := srvtest.Open(t.Context(), root, name, p9.OWRITE); !errors.Is(err, unix.ENXIO) {
			t.Errorf("%s without a terminal: %v", name, err)
		}
	}
}

func TestKmesg(t *testing.T) {
	if s := messageText([]byte("30,7,5140900,-;two words\n SUBSYSTEM=acpi\n DEVICE=+acpi:x\n")); s != "[    5.140900] two words\n" {
		t.Errorf("%q", s)
	}
	if s, err := srvtest.ReadFile(t.Context(), srvtest.Mount(t, New(makeTree(t)), true), "kmesg"); err != nil || s != "[    1.500000] hello\n" {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := os.Open("/dev/kmsg"); err != nil {
		t.Skip("no kernel's messages here: ", err)
	}
	srvtest.CheckFiles(t)
	srvtest.Each(t, func() srv.File { return New(Config{}) }, func(t *testing.T, root *client.Fid) {
		f, err := srvtest.Open(t.Context(), root, "kmesg", p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		var first, rest [8]byte
		n, err := f.Read(t.Context(), first[:], 0)
		m, err2 := f.Read(t.Context(), rest[:], 8)
		if n != 8 || m == 0 || err != nil || err2 != nil || first[0] != '[' || rest[0] == '[' {
			t.Errorf("%q %q, %v, %v", first[:n], rest[:m], err, err2)
		}
	})
}

// TestKprint tells nothing of before, and then what the kernel, here a user's voice of it,
// says.
func TestKprint(t *testing.T) {
	say, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("nobody speaks for the kernel here: ", err)
	}
	defer say.Close()
	srvtest.Each(t, func() srv.File { return New(Config{}) }, func(t *testing.T, root *client.Fid) {
		word := rand.Text()
		fmt.Fprintf(say, "before %s\n", word)
		f, err := srvtest.Open(t.Context(), root, "kprint", p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		fmt.Fprintf(say, "after %s\n", word)
		p := make([]byte, 8192)
		for {
			n, err := f.Read(t.Context(), p, 0)
			s := string(p[:n])
			if err != nil || strings.Contains(s, "before "+word) {
				t.Fatalf("%q, %v", s, err)
			}
			if strings.HasSuffix(s, "] after "+word+"\n") {
				return
			}
		}
	})
}

func TestInput(t *testing.T) {
	srvtest.CheckFiles(t)
	cfg := makeTree(t)
	keys, err := os.OpenFile(cfg.Dev+"/input/event0", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	srvtest.Each(t, func() srv.File { return New(cfg) }, func(t *testing.T, root *client.Fid) {
		f, err := srvtest.Open(t.Context(), root, "input/event0/event", p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		p := make([]byte, 100)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := f.Read(ctx, p, 0); err == nil {
			t.Errorf("%d bytes before any came", n)
		}
		for _, e := range []event{{unix.Timeval{Sec: 5, Usec: 7}, 1, 30, 1}, {unix.Timeval{Sec: 5, Usec: 7}, 0, 0, 0}, {unix.Timeval{Sec: 6}, 2, 1, -3}, {unix.Timeval{Sec: 7}, 99, 1, 2}} {
			b := unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e))
			if _, err := keys.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		for want := "5.000007 key 30 1\n6.000000 rel 1 -3\n7.000000 99 1 2\n"; got != want; {
			n, err := f.Read(t.Context(), p, int64(len(got)))
			if got += string(p[:n]); err != nil || !strings.HasPrefix(want, got) {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}
