package diskfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func TestStat(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "12345")
	r := serve(t, dir)
	f := walk(t, r, "f")
	var st unix.Stat_t
	must(0, unix.Stat(dir+"/f", &st))(t)
	s := stat(t, f)
	if s.Length != 5 || s.Mode != 0o644 || s.Nuid != st.Uid || s.Qid.Path != st.Ino || s.Nlink != 1 || s.Btime.IsZero() ||
		!s.Mtime.Equal(time.Unix(st.Mtim.Unix())) || s.Qid.Type != 0 || s.Qid.Vers == 0 {
		t.Errorf("stat: %+v", s)
	}
	if s := stat(t, r); s.Qid.Type != p9.QTDIR || s.Length != 0 || s.Qid.Vers == 0 {
		t.Errorf("stat of the root: %+v", s)
	}
	last := s.Qid.Vers
	for i, do := range []func() error{
		func() error { return os.WriteFile(dir+"/f", []byte("other"), 0) },
		func() error { return os.Chmod(dir+"/f", 0o600) },
		func() error { return os.Truncate(dir+"/f", 1) },
		func() error { return os.Link(dir+"/f", dir+"/g") },
	} {
		must(0, do())(t)
		v := stat(t, f).Qid.Vers
		if v == last {
			t.Errorf("change %d leaves version %d", i, v)
		}
		last = v
	}
	if sf := must(r.Statfs(bg))(t); sf.Blocks == 0 || sf.Namelen != 255 {
		t.Errorf("statfs: %+v", sf)
	}
}

// TestDevices walks into mounted file systems from the root of all.
func TestDevices(t *testing.T) {
	r := serve(t, "/")
	paths := map[uint64]string{}
	for _, name := range []string{"proc", "sys", "dev", "tmp", "proc/self", "dev/null"} {
		f := walk(t, r, name)
		st := stat(t, f)
		if was, ok := paths[st.Qid.Path]; ok {
			t.Errorf("%s and %s have one qid path %#x", was, name, st.Qid.Path)
		}
		paths[st.Qid.Path] = name
		if cached := name == "dev" || name == "tmp"; cached != (st.Qid.Vers != 0) {
			t.Errorf("%s: version %d", name, st.Qid.Vers)
		}
	}
	if st := stat(t, walk(t, r, "dev/null")); st.Rdev != unix.Mkdev(1, 3) || st.Mode.Type() != fs.ModeDevice|fs.ModeCharDevice {
		t.Errorf("/dev/null: %+v", st)
	}
	if s := read(t, open(t, walk(t, r, "proc/uptime"), p9.OREAD)); !strings.HasSuffix(s, "\n") {
		t.Errorf("/proc/uptime: %q", s)
	}
	null := open(t, walk(t, r, "dev/null"), p9.ORDWR)
	if n, err := null.(srv.Writer).Write(bg, []byte("abc"), 5); n != 3 || err != nil {
		t.Errorf("write to /dev/null: %d %v", n, err)
	}
	if s := read(t, null); s != "" {
		t.Errorf("/dev/null: %q", s)
	}
	if s := read(t, open(t, walk(t, r, "dev/zero"), p9.OREAD)); s != string(make([]byte, 1000)) {
		t.Errorf("/dev/zero: %q", s)
	}
	// Entries and their files agree on paths, except where something is mounted.
	d := walk(t, r, "proc")
	for e := range open(t, d, p9.OREAD).(srv.Lister).List(bg, 0) {
		if e.Name == "uptime" || e.Name == "self" {
			if q := stat(t, walk(t, d, e.Name)).Qid; q.Path != e.Qid.Path || q.Type != e.Qid.Type {
				t.Errorf("%s: listed as %v, is %v", e.Name, e.Qid, q)
			}
		}
	}
}

func TestWstat(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "12345")
	r := serve(t, dir)
	f := walk(t, r, "f").(srv.Wstater)
	day := time.Unix(1e9, 5)
	must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMode | p9.WLength | p9.WMtime | p9.WAtimeNow, Mode: 0o4711, Length: 2, Mtime: day}))(t)
	s := stat(t, f.(srv.File))
	if s.Mode != 0o711 || s.Length != 2 || !s.Mtime.Equal(day) {
		t.Errorf("after wstat: %+v", s)
	}
	must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeSetuid | 0o700}))(t)
	if os.Getuid() == 0 {
		must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WUid | p9.WGid, Nuid: 4242, Ngid: 4243}))(t)
		if s := stat(t, f.(srv.File)); s.Nuid != 4242 || s.Ngid != 4243 {
			t.Errorf("after chown: %+v", s)
		}
		must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeSetuid | 0o700}))(t)
	}
	far := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) // which nanoseconds in 64 bits cannot tell
	must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMtime, Mtime: far}))(t)
	before := stat(t, f.(srv.File))
	// Longer than the process's files may be: found out at the very end.
	err := limited(t, 1<<20, func() error {
		return f.Wstat(bg, p9.Wstat{Valid: p9.WMode | p9.WLength | p9.WMtime | p9.WUid, Mode: 0o600, Length: 1 << 30, Nuid: uint32(os.Getuid())})
	})
	wantErr(t, "too long", err, syscall.EFBIG)
	after := stat(t, f.(srv.File))
	if after.Mode != before.Mode || !after.Mtime.Equal(before.Mtime) || after.Nuid != before.Nuid || after.Length != 2 {
		t.Errorf("refused, yet changed:\n%+v\n%+v", before, after)
	}
	wantErr(t, "length of a directory", r.Wstat(bg, p9.Wstat{Valid: p9.WLength, Length: 1}), syscall.EISDIR)
	wantErr(t, "type", f.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o700}), syscall.EPERM)
	wantErr(t, "exclusive", f.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeExclusive | 0o700}), p9.ErrNotSup)
	must(0, r.Wstat(bg, p9.Wstat{}))(t)
}

// limited does something while files may have n bytes, setrlimit(2)'s RLIMIT_FSIZE. A
// file system has limits too, but tmpfs takes whatever off_t can say.
func limited(t *testing.T, n uint64, do func() error) error {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old unix.Rlimit
	must(0, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))(t)
	must(0, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: old.Max}))(t)
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	return do()
}

func TestXattr(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, dir)
	f := create(t, r, "f", 0o644, p9.ORDWR).(srv.Xattrer)
	if err := f.Setxattr(bg, "user.a", []byte("1"), 1); errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip("the file system of $TMPDIR has no extended attributes")
	} else if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("x"), 2000)
	must(0, f.Setxattr(bg, "user.big", big, 0))(t)
	wantErr(t, "new", f.Setxattr(bg, "user.a", nil, 1), syscall.EEXIST)
	wantErr(t, "old", f.Setxattr(bg, "user.none", nil, 2), syscall.ENODATA)
	wantErr(t, "too long", f.Setxattr(bg, "user.a", make([]byte, 65537), 0), syscall.E2BIG)
	if v := must(f.Getxattr(bg, "user.big"))(t); !bytes.Equal(v, big) {
		t.Errorf("getxattr: %d bytes", len(v))
	}
	if l := must(f.Listxattr(bg))(t); !slices.Contains(l, "user.a") || !slices.Contains(l, "user.big") {
		t.Errorf("listxattr: %q", l)
	}
	_, err := f.Getxattr(bg, "user.none")
	wantErr(t, "getxattr", err, syscall.ENODATA)
	must(0, f.Removexattr(bg, "user.a"))(t)
	wantErr(t, "removexattr", f.Removexattr(bg, "user.a"), syscall.ENODATA)
	l := must(r.Symlink(bg, "l", "f"))(t)
	defer srv.Clunk(l)
	wantErr(t, "setxattr of a link", l.(srv.Xattrer).Setxattr(bg, "user.a", nil, 0), syscall.EPERM)
	if v := must(walk(t, r, "f").(srv.Xattrer).Getxattr(bg, "user.big"))(t); len(v) != len(big) {
		t.Errorf("getxattr of an unopened file: %d bytes", len(v))
	}
}
