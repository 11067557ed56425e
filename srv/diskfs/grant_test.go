package diskfs

import (
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGrantOthers has what somebody puts in the place of a directory that was just made keep
// the permissions that it has: the client asked for more than the umask lets be made.
func TestGrantOthers(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	for _, c := range []struct {
		name string
		perm fs.FileMode // that it is made with
		put  func(name string) error
		held bool
		want fs.FileMode // of what is there in the end
	}{
		{"nobody", fs.ModeDir | 0o777, nil, true, 0o777},
		{"nobody, on a network", fs.ModeDir | 0o777, nil, false, 0o777},
		{"nobody, a pipe", fs.ModeNamedPipe | 0o666, nil, true, 0o666},
		{"nobody, of set-id bits", fs.ModeDir | fs.ModeSetgid | 0o755, nil, true, fs.ModeSetgid | 0o755},
		{"a file", fs.ModeDir | 0o777, func(name string) error { return os.WriteFile(name, nil, 0o755) }, true, 0o755},
		{"fewer permissions", fs.ModeDir | 0o777, func(name string) error { return os.Mkdir(name, 0o700) }, true, 0o700},
		{"fewer permissions, on a network", fs.ModeDir | 0o777, func(name string) error { return os.Mkdir(name, 0o700) }, false, 0o700},
		{"an old one", fs.ModeDir | 0o777, func(name string) error { return os.Rename(name+".old", name) }, true, 0o755},
		{"another's", fs.ModeDir | 0o777, func(name string) error {
			if err := os.Mkdir(name, 0o755); err != nil {
				return err
			}
			return os.Chown(name, someone, someGroup)
		}, true, 0o755},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "another's" {
				needRoot(t)
			}
			dir := t.TempDir()
			must(0, os.Mkdir(dir+"/x.old", 0o755))(t)
			time.Sleep(20 * time.Millisecond) // files' times go by the clock's ticks
			r := serve(t, dir)
			var st unix.Statx_t
			d := must(r.statx(&st))(t)
			if c.name == "an old one" && (!d.held || st.Mask&unix.STATX_BTIME == 0) {
				t.Skip("the file system tells no times of birth")
			}
			if !c.held {
				r.dev.Store(&device{kind: kind{num: d.num, waits: d.waits}})
			}
			e := must(r.make(bg, "x", c.perm, new(unix.Statx_t), func() error {
				if c.put != nil { // what was made is gone again
					return c.put(dir + "/x")
				}
				if c.perm.IsDir() {
					return unix.Mkdirat(r.fd, "x", unixPerm(c.perm))
				}
				return unix.Mkfifoat(r.fd, "x", unixPerm(c.perm))
			}))(t)
			e.Clunk()
			if got := must(os.Lstat(dir+"/x"))(t).Mode() & (0o777 | fs.ModeSetgid); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
