package ns

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestOwner: what another user makes in what root has mounted is that user's, as a mail
// server's or a data base's files are.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	for _, flags := range []string{"-c", "-c -C"} {
		dir := t.TempDir()
		for name, mode := range map[string]os.FileMode{"plain": 0o777, "group": 0o777 | os.ModeSetgid} {
			if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		l := srvtest.NewLink(t, srv.New(onDisk(t, dir)), time.Millisecond)
		m := mountGroup(t, "mount "+flags+" "+l.Addr+" /n/x")
		for name, gid := range map[string]uint32{"plain": 54321, "group": 0} {
			m.sh(t, "/n/x/"+name, `setpriv --reuid 12345 --regid 54321 --clear-groups sh -c '
				umask 027
				echo text >file && touch -d @7 file && echo more >>file && chmod 600 file &&
				mkdir -p dir/sub && ln -s file symlink && mkfifo fifo'`)
			for _, f := range []string{"file", "dir", "dir/sub", "symlink", "fifo"} {
				fi, err := os.Lstat(filepath.Join(dir, name, f))
				if err != nil {
					t.Errorf("%s: %v", flags, err)
					continue
				}
				st := fi.Sys().(*syscall.Stat_t)
				if got, want := fmt.Sprint(st.Uid, st.Gid), fmt.Sprint(12345, gid); got != want {
					t.Errorf("%s: %s/%s is of %s, not %s", flags, name, f, got, want)
				}
			}
		}
	}
}
