package ns

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A dripping is a file without versions of which each message reads or writes a piece less than a page.
type dripping struct {
	srv.Node
	mu    sync.Mutex
	bytes []byte
}

const drip, dripSize = 1000, 100001

func dripBytes(what string) []byte {
	return bytes.Repeat([]byte(what), dripSize/len(what)+1)[:dripSize]
}

func (f *dripping) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	st.Qid.Vers, st.Length = 0, dripSize
	return st, err
}

func (f *dripping) Open(context.Context, p9.Mode) (srv.Handle, error) { return f, nil }

func (f *dripping) Read(_ context.Context, p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= dripSize {
		return 0, io.EOF
	}
	return copy(p[:min(len(p), drip)], f.bytes[off:]), nil
}

func (f *dripping) Write(_ context.Context, p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return copy(f.bytes[off:], p[:min(len(p), drip)]), nil
}

// TestPagesDirect has what is in memory of a file that is passed on as it is be read and written
// whole, though each message has less than a page of it; who reads it is still given each as it comes.
func TestPagesDirect(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			f := &dripping{Node: srv.NewNode(0o666), bytes: dripBytes("ninespace")}
			s := srv.New(srv.NewDir().Add("f", f))
			mountGroup(t, "mount -c "+flag+srvtest.NewLink(t, s, 0).Addr+" /n/x").mapped(t, "direct")
			f.mu.Lock()
			defer f.mu.Unlock()
			if n := differ(f.bytes, dripBytes("changed")); n > 0 && !linuxBefore(6, 6) {
				t.Errorf("%d bytes that were changed in memory are not as written", n)
			}
		})
	}
}

// differ counts the bytes that do.
func differ(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func mappedDirect() error {
	return withFile("x/f", os.O_RDWR, func(f *os.File) error {
		mem, err := unix.Mmap(int(f.Fd()), 0, dripSize, unix.PROT_READ, unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		defer unix.Munmap(mem)
		wrong := differ(mem, dripBytes("ninespace"))
		if fi, err := f.Stat(); wrong > 0 || err != nil || fi.Size() != dripSize {
			return fmt.Errorf("%d bytes of %d are wrong in memory, and its size is %d, %v", wrong, dripSize, fi.Size(), err)
		}
		if n, err := unix.Pread(int(f.Fd()), make([]byte, 4*drip), 0); n != drip || err != nil {
			return fmt.Errorf("a read gives %d bytes, %v, not the server's %d", n, err, drip)
		}
		if linuxBefore(6, 6) { // can't be mapped shared
			return nil
		}
		return withMemory(f, dripSize, func(mem []byte) error {
			copy(mem, dripBytes("changed"))
			return unix.Msync(mem, unix.MS_SYNC)
		})
	})
}
