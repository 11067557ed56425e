package ramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func TestWstat(t *testing.T) {
	root := New().(*dir)
	put(t, root, "f", "12345")
	f := must(root.Walk(bg, "f"))(t).(*file)
	ann := &srv.User{Name: "ann", Uid: 4242}
	asAnn := srv.WithUser(bg, ann)
	day := time.Unix(1e9, 5)
	for _, c := range []struct {
		what string
		w    p9.Wstat
		want error
	}{
		{"mode", p9.Wstat{Valid: p9.WMode, Mode: 0o777}, syscall.EPERM},
		{"length", p9.Wstat{Valid: p9.WLength}, syscall.EACCES},
		{"mtime", p9.Wstat{Valid: p9.WMtime, Mtime: day}, syscall.EPERM},
		{"now", p9.Wstat{Valid: p9.WMtimeNow}, syscall.EACCES},
		{"uid", p9.Wstat{Valid: p9.WUid, Nuid: 4242}, syscall.EPERM},
		{"gid", p9.Wstat{Valid: p9.WGid, Ngid: 4242}, syscall.EPERM},
		{"sync", p9.Wstat{}, nil},
	} {
		if err := f.Wstat(asAnn, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s by another: %v, want %v", c.what, err, c.want)
		}
	}
	before := stat(t, f)
	wantErr(t, "all or none", f.Wstat(bg, p9.Wstat{Valid: p9.WMode | p9.WLength, Mode: 0o600, Length: 1 << 63}), syscall.EFBIG)
	wantErr(t, "type", f.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o600}), syscall.EPERM)
	if after := stat(t, f); after != before {
		t.Errorf("refused, yet changed: %+v", after)
	}
	must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMode | p9.WLength | p9.WMtime | p9.WAtime | p9.WUid, Mode: 0o600 | fs.ModeAppend,
		Length: 2, Mtime: day, Atime: day, Nuid: 4242}))(t)
	st := stat(t, f)
	if st.Mode != 0o600|fs.ModeAppend || st.Length != 2 || !st.Mtime.Equal(day) || !st.Atime.Equal(day) || st.Nuid != 4242 || st.Qid.Vers <= before.Qid.Vers {
		t.Errorf("after wstat: %+v", st)
	}
	for year, want := range map[int]int{1500: 1677, 1678: 1678, 1969: 1969, 2261: 2261, 2300: 2262, 9999: 2262} {
		far := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WMtime | p9.WAtime, Mtime: far, Atime: far}))(t)
		if st := stat(t, f); st.Mtime.UTC().Year() != want || !st.Atime.Equal(st.Mtime) || want == year && !st.Mtime.Equal(far) {
			t.Errorf("times of %d: %v, %v", year, st.Mtime.UTC(), st.Atime.UTC())
		}
	}
	must(0, f.Wstat(asAnn, p9.Wstat{Valid: p9.WMode, Mode: 0o400}))(t)
	wantErr(t, "length of what cannot be written", f.Wstat(asAnn, p9.Wstat{Valid: p9.WLength}), syscall.EACCES)
	h := must(f.open(bg, p9.OWRITE, false))(t)
	must(0, h.Wstat(asAnn, p9.Wstat{Valid: p9.WLength}))(t)
	h.Clunk()
}

func TestXattr(t *testing.T) {
	root := New(Limit(1 << 20)).(*dir)
	put(t, root, "f", "")
	f := must(root.Walk(bg, "f"))(t).(*file)
	used := root.t.used.Load()
	must(0, f.Setxattr(bg, "user.a", []byte("1"), 0))(t)
	must(0, f.Setxattr(bg, "user.b", nil, 1))(t)
	for _, c := range []struct {
		name  string
		value []byte
		flags int
		want  error
	}{
		{"user.a", nil, 1, syscall.EEXIST},
		{"user.none", nil, 2, syscall.ENODATA},
		{"user.a", make([]byte, maxXattr+1), 0, syscall.E2BIG},
		{"user." + string(make([]byte, 255)), nil, 0, syscall.ERANGE},
		{"system.posix_acl_access", nil, 0, syscall.EOPNOTSUPP},
		{"user.", nil, 0, syscall.EOPNOTSUPP},
		{"user.a", nil, 8, syscall.EINVAL},
	} {
		wantErr(t, "setxattr "+c.name, f.Setxattr(bg, c.name, c.value, c.flags), c.want)
	}
	_, err := f.Getxattr(bg, "user.none")
	wantErr(t, "getxattr", err, syscall.ENODATA)
	if v := must(f.Getxattr(bg, "user.a"))(t); string(v) != "1" {
		t.Errorf("getxattr: %q", v)
	}
	if l := must(f.Listxattr(bg))(t); !slices.Equal(l, []string{"user.a", "user.b"}) {
		t.Errorf("listxattr: %q", l)
	}
	other := srv.WithUser(bg, &srv.User{Name: "ann", Uid: 4242})
	wantErr(t, "setxattr by another", f.Setxattr(other, "user.a", nil, 0), syscall.EACCES)
	must(0, f.Setxattr(bg, "user.big", make([]byte, maxXattr), 0))(t)
	for _, name := range []string{"user.a", "user.b", "user.big"} {
		must(0, f.Removexattr(bg, name))(t)
	}
	wantErr(t, "removexattr", f.Removexattr(bg, "user.a"), syscall.ENODATA)
	if u := root.t.used.Load(); u != used {
		t.Errorf("%d bytes are charged for no attributes", u-used)
	}
	l := must(root.Symlink(bg, "l", "t"))(t)
	wantErr(t, "setxattr of a link", l.(srv.Xattrer).Setxattr(bg, "user.a", nil, 0), syscall.EPERM)
}

func TestVersionsAndTimes(t *testing.T) {
	root := New().(*dir)
	h := mk(t, root, "f", p9.ORDWR)
	defer h.Clunk()
	last := stat(t, h).Qid.Vers
	for _, c := range []struct {
		what string
		do   func() error
	}{
		{"write", func() error { _, err := h.Write(bg, []byte("x"), 0); return err }},
		{"truncate", func() error { return h.Wstat(bg, p9.Wstat{Valid: p9.WLength}) }},
		{"chmod", func() error { return h.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: 0o600}) }},
		{"link", func() error { return root.Link(bg, h, "g") }},
		{"rename", func() error { return root.Rename(bg, "g", root, "i") }},
		{"unlink", func() error { return root.Unlink(bg, "i", false) }},
		{"xattr", func() error { return h.Setxattr(bg, "user.a", nil, 0) }},
	} {
		dv := stat(t, root).Qid.Vers
		must(0, c.do())(t)
		v := stat(t, h).Qid.Vers
		if v <= last {
			t.Errorf("%s: version %d after %d", c.what, v, last)
		}
		last = v
		if name := c.what; (name == "link" || name == "rename" || name == "unlink") && stat(t, root).Qid.Vers <= dv {
			t.Errorf("%s: the directory's version stays %d", name, dv)
		}
	}
	st := stat(t, h)
	if st.Btime.IsZero() || st.Ctime.Before(st.Mtime) {
		t.Errorf("times: %+v", st)
	}
}

// TestGroup: a new file has the group that is asked for, if its maker is in it.
func TestGroup(t *testing.T) {
	root := New().(*dir)
	must(0, root.Wstat(bg, p9.Wstat{Valid: p9.WGid, Ngid: 7}))(t)
	set := mkdir(t, root, "set")
	must(0, set.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeSetgid | 0o777}))(t)
	known := srv.NewUser("daemon", p9.NoUid)
	if known.Gid == p9.NoUid || known.Host() {
		t.Skip("the machine has no user daemon")
	}
	for i, c := range []struct {
		d         *dir
		user      *srv.User
		ask, want uint32
	}{
		{root, nil, p9.NoUid, 7},
		{root, nil, 5, 5},
		{root, known, known.Gid, known.Gid},
		{root, known, known.Gid + 4242, 7},
		{root, srv.NewUser("", 4242), 5, 5},
		{set, nil, 5, 7},
	} {
		ctx := srv.WithGroup(srv.WithUser(bg, c.user), c.ask)
		f := must(c.d.Symlink(ctx, fmt.Sprint(i), "x"))(t)
		if st := stat(t, f); st.Ngid != c.want {
			t.Errorf("%d: group %d, want %d", i, st.Ngid, c.want)
		}
	}
}
