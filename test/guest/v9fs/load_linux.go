package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tools is where the foreign programs are, on a mount of their own.
const tools = "/tools"

// stressors are those of stress-ng's that use a directory's files, nothing that
// v9fs lacks and nothing that only a user above permissions can, and how often each
// does what it does.
var stressors = []string{
	"chmod 3", "dentry 20", "dir 10", "fcntl 10", "flock 100", "fstat 100", "getdent 20", "hdd 50", "lockf 100",
	"rename 20", "seek 50", "sync-file 1", "utime 20",
}

// testStress has them all work at once, and verify what they do.
func testStress(t *T, m *mount, dir, ref string) {
	args := []string{"--temp-path", dir, "--verify", "--timeout", "60",
		"--dentries", "20", "--hdd-bytes", "1m", "--seek-size", "1m", "--sync-file-bytes", "1m"}
	for _, s := range stressors {
		name, n, _ := strings.Cut(s, " ")
		args = append(args, "--"+name, "1", "--"+name+"-ops", n)
	}
	t.tool(dir, "stress-ng", args...)
}

// testDbench has two clients of a file server's do an office's work.
func testDbench(t *T, m *mount, dir, ref string) {
	t.tool(dir, "dbench", "-D", dir, "-c", tools+"/client.txt", "-t", fmt.Sprint(int(load.Seconds())), "2")
}

// tool runs one of the foreign programs.
func (t *T) tool(dir, name string, args ...string) {
	if _, err := os.Stat(filepath.Join(tools, "bin", name)); err != nil {
		t.Skipf("the host has no %s", name)
	}
	args = append([]string{"--library-path", tools + "/lib", tools + "/bin/" + name}, args...)
	cmd := exec.Command(tools+"/lib/ld.so", args...)
	cmd.Dir = dir
	o, err := cmd.CombinedOutput()
	if text := string(o); err != nil || strings.Contains(text, "ERROR") || strings.Contains(text, "fail:") {
		t.Errorf("%s: %v", cmd, err)
	}
	t.Logf("%s", o)
}

// testReadOnly wants EROFS of all that changes what the host put there: f, d/f
// and, for 9P2000.L, l -> f.
func testReadOnly(t *T, m *mount, d, ref string) {
	t.ok(has(d+"/f", "text"))
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	for _, c := range []errnoCase{
		{"open to write", func(d string) error { return openErr(d+"/f", unix.O_WRONLY, 0) }},
		{"open to truncate", func(d string) error { return openErr(d+"/f", unix.O_RDONLY|unix.O_TRUNC, 0) }},
		{"create", func(d string) error { return openErr(d+"/new", unix.O_CREAT|unix.O_RDWR, 0o644) }},
		{"truncate", func(d string) error { return unix.Truncate(d+"/f", 0) }},
		{"mkdir", func(d string) error { return unix.Mkdir(d+"/new", 0o755) }},
		{"unlink", func(d string) error { return unix.Unlink(d + "/f") }},
		{"rmdir", func(d string) error { return unix.Rmdir(d + "/d") }},
		{"rename", func(d string) error { return unix.Rename(d+"/f", d+"/g") }},
		{"chmod", func(d string) error { return unix.Chmod(d+"/f", 0o600) }},
		{"utimes", func(d string) error { return unix.UtimesNanoAt(atCwd, d+"/f", now, 0) }},
	} {
		t.is(c.name, c.do(d), unix.EROFS)
	}
	if m.dotl() {
		for _, c := range []errnoCase{
			{"symlink", func(d string) error { return unix.Symlink("x", d+"/new") }},
			{"link", func(d string) error { return unix.Link(d+"/f", d+"/new") }},
			{"mknod", func(d string) error { return unix.Mknod(d+"/new", unix.S_IFIFO|0o644, 0) }},
			{"chown", func(d string) error { return unix.Chown(d+"/f", 1, 1) }},
			{"setxattr", func(d string) error { return unix.Setxattr(d+"/f", "user.a", []byte("x"), 0) }},
		} {
			t.is(c.name, c.do(d), unix.EROFS)
		}
		t.is("through a link", has(d+"/l", "text"), nil)
	}
	t.is("read", has(d+"/d/f", "in d"), nil)
}

// testFull fills a file system of 1 MiB.
func testFull(t *T, m *mount, dir, ref string) {
	p := make([]byte, 10000)
	t.ok(opened(dir+"/f", unix.O_CREAT|unix.O_RDWR, func(fd int) error {
		total := 0
		for {
			n, err := unix.Write(fd, p)
			if err != nil {
				if err != unix.ENOSPC || total < 300000 {
					return fmt.Errorf("after %d bytes: %w", total, err)
				}
				break
			}
			if total += n; total > 2<<20 {
				return errors.New("never full")
			}
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size != int64(total) {
			return fmt.Errorf("%d bytes after writes of %d: %v", st.Size, total, err)
		}
		return nil
	}))
	var err error
	made := 0
	for ; err == nil && made < 10000; made++ {
		err = write(filepath.Join(dir, fmt.Sprint(made)), "", 0o644)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("create in what is full: %v", err)
	}
	err = os.Mkdir(dir+"/d", 0o755)
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Err != unix.ENOSPC {
		t.Errorf("mkdir in what is full: %v", err)
	}
	if m.dotl() {
		t.is("symlink in what is full", unix.Symlink("x", dir+"/l"), unix.ENOSPC)
		var st unix.Statfs_t
		t.ok(unix.Statfs(dir, &st))
		if st.Blocks != 256 || st.Bavail > 2 {
			t.Errorf("statfs: %d blocks, %d free", st.Blocks, st.Bavail)
		}
	}
	t.ok(unix.Unlink(dir + "/f"))
	t.is("write once there is room", write(dir+"/g", "text", 0o644), nil)
}
