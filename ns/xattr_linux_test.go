package ns

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
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
	l := srvtest.NewLink(t, srv.New(onDisk(t, dir)), time.Millisecond)
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

// TestNoLabel: of a file without a label of SELinux it is said that there are none here at all,
// so that ls asks for no other's; a label that there is is told, and another attribute that is
// not there is no more than that.
func TestNoLabel(t *testing.T) {
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		t.Skip("this kernel has SELinux, which answers itself")
	}
	dir := t.TempDir()
	for _, name := range []string{"plain", "labelled"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const said = "system_u:object_r:etc_t:s0\x00"
	if err := unix.Setxattr(filepath.Join(dir, "labelled"), label, []byte(said), 0); err != nil {
		t.Skipf("%s: %v", label, err)
	}
	l := srvtest.NewLink(t, srv.New(onDisk(t, dir)), 0)
	for _, flags := range []string{"-c", "-c -C"} {
		m := mountGroup(t, "mount "+flags+" "+l.Addr+" /n/x")
		for _, of := range []struct{ file, name, want string }{
			{"labelled", label, "0x" + fmt.Sprintf("%x", said)},
			{"plain", label, "Operation not supported"},
			{"plain", "security.other", "No such attribute"},
			{"plain", "user.other", "No such attribute"},
		} {
			m.sh(t, "/n/x", fmt.Sprintf("getfattr -e hex -n %s %s 2>&1 | grep -F '%s' >/dev/null", of.name, of.file, of.want))
		}
	}
}

// TestWritten has a program write to a file and look at it by turns, as data bases do: the
// file's capabilities, which the last write took away, are not asked for at each.
func TestWritten(t *testing.T) {
	l := srvtest.NewLink(t, srv.New(onDisk(t, t.TempDir())), 0)
	m := mountGroup(t, "mount -c "+l.Addr+" /n/x")
	const n = 30
	var traffic srvtest.Traffic
	if !srvtest.Until(func() bool { // on a busy machine each may take longer than is remembered
		l.Traffic()
		m.sh(t, "/n/x", fmt.Sprintf("exec 3<>f; for i in $(seq %d); do printf x >&3; stat -L /proc/self/fd/3 >/dev/null; done", n))
		traffic = l.Traffic()
		return traffic.Of[p9.Txattrwalk] < n/3
	}) {
		t.Errorf("%d writes take %v", n, traffic)
	}
	t.Log(traffic)
	if os.Geteuid() != 0 {
		return
	}
	m.sh(t, "/n/x", "exec 3<>f; printf x >&3; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 f && "+
		"getfattr -n security.capability f >/dev/null && printf x >&3 && ! getfattr -n security.capability f 2>/dev/null")
}
