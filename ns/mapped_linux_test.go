package ns

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// file is the path of a name in the group, for this process.
func (m *mounted) file(name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/g%s%s", m.dir.Fd(), m.id, name)
}

// TestMappedEnd has a file that was just made longer be read into memory to its end,
// though the server gives it in pieces, one of which ends where the file did.
func TestMappedEnd(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
			m := mountGroup(t, "mount -c "+flag+l.Addr+" /n/x")
			name := m.file("/n/x/f")
			want := bytes.Repeat([]byte("ninespace"), 200)
			must(t, os.WriteFile(name, bytes.Repeat([]byte{'x'}, 5000), 0o644))
			must(t, os.WriteFile(name, want[:1378], 0o644))
			for n := 1378; n < len(want); n += 50 {
				f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
				must(t, err)
				_, err = f.Write(want[n:min(n+50, len(want))])
				must(t, err)
				g, err := os.OpenFile(name, os.O_RDWR, 0)
				must(t, err)
				mem, err := unix.Mmap(int(g.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
				must(t, err)
				if end := min(n+50, len(want)); !bytes.Equal(mem[:end], want[:end]) {
					t.Errorf("of %d bytes the last are %q", end, mem[end-10:end])
				}
				must(t, unix.Munmap(mem))
				must(t, f.Close())
				must(t, g.Close())
			}
		})
	}
}

// TestMappedAppend has what is changed in memory be with the server when the file is
// closed, though the one that may write is open to append.
func TestMappedAppend(t *testing.T) {
	s := srv.New(ramfs.New())
	slow, quick := srvtest.NewLink(t, s, 20*time.Millisecond), srvtest.NewLink(t, s, 0)
	m := mountGroup(t, "mount -c -C "+slow.Addr+" /n/x\nmount "+quick.Addr+" /n/y")
	name := m.file("/n/x/f")
	must(t, os.WriteFile(name, make([]byte, 8192), 0o644))
	for i := range byte(4) {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
		must(t, err)
		mem, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		must(t, err)
		mem[5000] = i
		must(t, unix.Munmap(mem))
		if i%2 == 0 {
			must(t, f.Sync())
		} else {
			must(t, f.Close())
		}
		if b, err := os.ReadFile(m.file("/n/y/f")); err != nil || b[5000] != i {
			t.Errorf("what was written is %d, not %d, %v", b[5000], i, err)
		}
		f.Close()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
