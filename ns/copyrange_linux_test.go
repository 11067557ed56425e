package ns

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestCopyRange has a copy within the mount go in long pieces, and be a copy.
func TestCopyRange(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
			m := mountGroup(t, "mount -c "+flag+l.Addr+" /n/x")
			m.sh(t, "/n/x", "seq 700000 | head -c 4194000 >one; cat one >/dev/null; : >empty")
			l.Traffic()
			m.sh(t, "/n/x", "cp one two; cp empty none")
			if n := l.Traffic(); n.Of[p9.Twrite] > 20 {
				t.Errorf("4 MiB took %v", n)
			}
			m.sh(t, "/n/x", "cmp one two; cmp empty none; cp two one; cmp one two")
		})
	}
}

// TestCopyRangeSuid has a set-id file lose its bits when someone else copies into it.
func TestCopyRangeSuid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: there is nobody else to be")
	}
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
			m := mountGroup(t, "mount -c "+flag+l.Addr+" /n/x")
			m.sh(t, "/n/x", "echo text >from; echo >to; chmod 6777 to; chmod 755 .")
			m.mapped(t, "copy")
			if got := m.sh(t, "/n/x", "stat -c %a to; cat to"); got != "777\ntext\n" {
				t.Errorf("%q", got)
			}
		})
	}
}

// mappedCopy copies a file into another as nobody.
func mappedCopy() error {
	if err := syscall.Setresuid(65534, 65534, 65534); err != nil {
		return err
	}
	return withFile("x/from", os.O_RDONLY, func(from *os.File) error {
		return withFile("x/to", os.O_WRONLY, func(to *os.File) error {
			_, err := unix.CopyFileRange(int(from.Fd()), nil, int(to.Fd()), nil, 100, 0)
			return err
		})
	})
}

// TestCopyRangeNone has a set-id file stay as it is where there is nothing to copy, of which the
// kernel may not know yet.
func TestCopyRangeNone(t *testing.T) {
	for name, root := range map[string]srv.File{"ramfs": ramfs.New(), "diskfs": onDisk(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			f := newFuseFS(nil)
			create := func(name string, perm fs.FileMode) (*Chan, uint64) {
				file, h, err := srv.Create(t.Context(), root, name, perm, p9.ORDWR)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { srv.Clunk(h) })
				c := &Chan{file: file}
				return c, f.newHandle(&fileHandle{n: &node{}, c: c, h: h})
			}
			_, from := create("from", 0o644)
			c, to := create("to", 0o755|fs.ModeSetuid)
			n, errno := f.CopyFileRange(nil, &devfuse.CopyFileRangeIn{InHeader: devfuse.InHeader{Uid: 65534}, FhIn: from, FhOut: to, Len: 100})
			st, err := c.file.Stat(t.Context())
			if n != 0 || errno != 0 || err != nil || st.Mode&fs.ModeSetuid == 0 {
				t.Errorf("%d bytes, %v; %v, %v", n, errno, st.Mode, err)
			}
		})
	}
}
