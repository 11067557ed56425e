package ns

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/srvtest"
)

// TestXattrCopy: what a program copies with all its attributes keeps them: the access
// control list and the capabilities too, which the kernel asks for as well.
func TestXattrCopy(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	if err := os.WriteFile(f, []byte("text"), 0o755); err != nil {
		t.Fatal(err)
	}
	attrs := map[string]string{
		"user.a": "value",
		// rw- for the owner, rwx for user 12345 and the mask, r-- for the group and others
		"system.posix_acl_access": "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\x39\x30\x00\x00" +
			"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x04\x00\xff\xff\xff\xff",
	}
	if os.Geteuid() == 0 {
		attrs["security.capability"] = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // net_bind_service
	}
	for name, v := range attrs {
		if err := unix.Setxattr(f, name, []byte(v), 0); err != nil {
			t.Skipf("%s: %v", name, err)
		}
	}
	root, err := diskfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(io.Closer).Close() })
	l := srvtest.NewLink(t, srv.New(root), time.Millisecond)
	for _, flags := range []string{"-c", "-c -C"} {
		out := filepath.Join(t.TempDir(), "copy")
		m := mountGroup(t, "mount "+flags+" "+l.Addr+" /n/x")
		m.sh(t, "/n/x", "cp -a f "+out+" && cp -a "+out+" back")
		for _, p := range []string{out, filepath.Join(dir, "back")} {
			for name, want := range attrs {
				var b [256]byte
				n, err := unix.Getxattr(p, name, b[:])
				if got := string(b[:max(0, n)]); got != want {
					t.Errorf("%s: %s of %s is %q, not %q: %v", flags, name, filepath.Base(p), got, want, err)
				}
			}
		}
	}
}
