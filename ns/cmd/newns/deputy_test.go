package newns_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// deputy is what this binary does as a program with more rights than who runs it: it opens a file
// with those, may give them up, and prints a line that is no number and one that is.
func deputy(file string) int {
	fd, err := syscall.Open(file, syscall.O_RDONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if strings.HasSuffix(os.Args[0], "drops") {
		if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	for _, line := range []string{fmt.Sprintln(fd), fmt.Sprintln(fd)} {
		if _, err := os.Stdout.WriteString(line); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return 0
}

// TestPostDeputy: no file is had by giving a file of /srv to a program with more rights as its output.
func TestPostDeputy(t *testing.T) {
	s := newSession(t, false, false)
	if os.Getuid() != 0 {
		t.Skip("root is needed to make such programs")
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const secret = "the secret of another\n"
	// The file's capabilities: revision 2, effective, and the one to read any file.
	caps := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	for _, v := range []uint32{1 << unix.CAP_DAC_READ_SEARCH, 0, 0, 0} {
		caps = binary.LittleEndian.AppendUint32(caps, v)
	}
	refused := "write /dev/stdout: operation not permitted\nwrite /dev/stdout: bad file descriptor\n"
	for _, c := range []struct {
		name   string
		uid    int
		gid    int
		mode   uint32 // of the program
		secret uint32
		caps   []byte
		want   string
	}{
		{"his own", nobody, nobody, 0o755, 0o600, nil, "write /dev/stdout: bad file descriptor\n" + secret},
		{"set-uid", 0, nobody, 0o4755, 0o600, nil, refused},
		{"set-uid drops", 0, nobody, 0o4755, 0o600, nil, refused},
		{"set-gid", 1, 0, 0o2755, 0o640, nil, refused},
		{"capability", 1, 1, 0o755, 0o600, caps, refused},
		{"not to be read", 1, 1, 0o711, 0o644, nil, refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, prog := filepath.Join(s.dir, "secret"), filepath.Join(s.dir, "deputy-"+strings.ReplaceAll(c.name, " ", "-"))
			for name, b := range map[string][]byte{file: []byte(secret), prog: self} {
				if err := os.WriteFile(name, b, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(name, c.uid, c.gid); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Chmod(file, c.secret); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Chmod(prog, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.caps != nil {
				if err := unix.Setxattr(prog, "security.capability", c.caps, 0); err != nil {
					t.Fatal(err)
				}
			}
			got, _ := s.run(t, "", fmt.Sprintf(`exec 2>&1; setpriv --reuid %d --regid %[1]d --clear-groups sh -c '
				(umask 0; exec >/srv/evil; exec "$0" deputy "$1"); if test -e /srv/evil; then cat /srv/evil; fi' %q %q`, nobody, prog, file))
			if got != c.want {
				t.Errorf("prints\n%s\nnot\n%s", got, c.want)
			}
		})
	}
	clean(t)
}

// TestPostBetween: who is another user than who made the file posts nothing, even if he is root.
func TestPostBetween(t *testing.T) {
	s := newSession(t, false, false)
	if os.Getuid() != 0 {
		t.Skip("root is needed to become another user")
	}
	for _, c := range []struct{ name, script string }{
		{"nobody", `exec 3<b/x 5>/srv/x; setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'echo 3 >&5' 2>/dev/null || echo no; (echo 3 >&5) 2>/dev/null || echo spent; exec 5>&-; ls /srv`},
		{"nobody's group", `exec 3<b/x 5>/srv/x; setpriv --regid 65534 --clear-groups sh -c 'echo 3 >&5' 2>/dev/null || echo no; (echo 3 >&5) 2>/dev/null || echo spent; exec 5>&-; ls /srv`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := s.run(t, "", c.script)
			if want := "no\nspent\n"; got != want {
				t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, want)
			}
		})
	}
	clean(t)
}
