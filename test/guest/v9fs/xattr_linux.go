package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// testXattr holds extended attributes to xattr(7): the local file system of this
// kernel has none of users.
func testXattr(t *T, m *mount, dir, ref string) {
	t.ok(write(dir+"/f", "text", 0o644))
	t.ok(os.Mkdir(dir+"/d", 0o755))
	for _, name := range []string{dir + "/f", dir + "/d"} {
		get := func(attr string, size int) (string, error) {
			p := make([]byte, size)
			n, err := unix.Getxattr(name, attr, p)
			return string(p[:max(0, min(n, size))]), err
		}
		names := func() []string {
			p := make([]byte, 1000)
			n, err := unix.Listxattr(name, p)
			t.is("list", err, nil)
			l := strings.FieldsFunc(string(p[:max(0, n)]), func(c rune) bool { return c == 0 })
			l = slices.DeleteFunc(l, func(s string) bool { return !strings.HasPrefix(s, "user.") && !strings.HasPrefix(s, "trusted.") })
			slices.Sort(l)
			return l
		}
		set := func(attr, value string, flags int) error { return unix.Setxattr(name, attr, []byte(value), flags) }

		_, err := get("user.a", 10)
		t.is("get of none", err, unix.ENODATA)
		t.is("replace none", set("user.a", "x", unix.XATTR_REPLACE), unix.ENODATA)
		t.is("remove none", unix.Removexattr(name, "user.a"), unix.ENODATA)
		t.is("set", set("user.a", "value", 0), nil)
		t.is("create what is there", set("user.a", "x", unix.XATTR_CREATE), unix.EEXIST)
		t.is("create", set("user.b", "", unix.XATTR_CREATE), nil)
		t.is("replace", set("user.a", "other", unix.XATTR_REPLACE), nil)
		t.is("set trusted", set("trusted.c", "c", 0), nil)
		if v, err := get("user.a", 100); v != "other" || err != nil {
			t.Errorf("get: %q %v", v, err)
		}
		if v, err := get("user.b", 100); v != "" || err != nil {
			t.Errorf("get of an empty one: %q %v", v, err)
		}
		if n, err := unix.Getxattr(name, "user.a", nil); n != 5 || err != nil {
			t.Errorf("get of the size: %d %v", n, err)
		}
		_, err = get("user.a", 3)
		t.is("get into less", err, unix.ERANGE)
		if got := names(); !slices.Equal(got, []string{"trusted.c", "user.a", "user.b"}) {
			t.Errorf("list: %q", got)
		}
		if _, err := unix.Listxattr(name, make([]byte, 3)); err != unix.ERANGE {
			t.Errorf("list into less: %v", err)
		}
		t.is("of a space that there is not", set("none.a", "x", 0), unix.EOPNOTSUPP)
		t.is("trusted, another user", other(func() error { return set("trusted.c", "x", 0) }), unix.EPERM)
		t.is("set, another user", other(func() error { return set("user.a", "x", 0) }), unix.EACCES)

		big := bytes.Repeat([]byte("0123456789"), 300)
		t.is("set of 3,000 bytes", set("user.big", string(big), 0), nil)
		if v, err := get("user.big", 4000); v != string(big) || err != nil {
			t.Errorf("get of 3,000 bytes: %d %v", len(v), err)
		}
		for _, a := range []string{"user.a", "user.b", "user.big", "trusted.c"} {
			t.is("remove "+a, unix.Removexattr(name, a), nil)
		}
		if got := names(); len(got) != 0 {
			t.Errorf("list of none: %q", got)
		}
	}
	t.ok(unix.Symlink("f", dir+"/l"))
	t.is("of a link", unix.Lsetxattr(dir+"/l", "user.a", []byte("x"), 0), unix.EPERM)
}

// testUsers has several users share a mount.
func testUsers(t *T, m *mount, dir, ref string) {
	t.ok(os.Chmod(dir, 0o777))
	owner := func(name string, want uint32) {
		var st unix.Stat_t
		if err := unix.Lstat(dir+"/"+name, &st); err != nil || st.Uid != want {
			t.Errorf("%s has owner %d, want %d: %v", name, st.Uid, want, err)
		}
	}
	asBob := func(f func() error) error { return as(bob, f) }
	t.is("ann makes", other(func() error { return write(dir+"/ann", "ann's", 0o600) }), nil)
	t.is("ann makes a directory", other(func() error { return unix.Mkdir(dir+"/anns", 0o700) }), nil)
	t.is("ann makes in it", other(func() error { return write(dir+"/anns/f", "x", 0o666) }), nil)
	t.is("bob makes", asBob(func() error { return write(dir+"/bob", "bob's", 0o644) }), nil)
	owner("ann", ann)
	owner("anns", ann)
	owner("bob", bob)
	t.is("bob reads ann's", asBob(func() error { return openErr(dir+"/ann", unix.O_RDONLY, 0) }), unix.EACCES)
	t.is("bob in ann's directory", asBob(func() error { return openErr(dir+"/anns/f", unix.O_RDONLY, 0) }), unix.EACCES)
	t.is("ann reads bob's", other(func() error { return has(dir+"/bob", "bob's") }), nil)
	t.is("ann writes bob's", other(func() error { return openErr(dir+"/bob", unix.O_WRONLY, 0) }), unix.EACCES)
	t.is("ann changes hers", other(func() error { return unix.Chmod(dir+"/ann", 0o640) }), nil)
	t.is("ann changes bob's", other(func() error { return unix.Chmod(dir+"/bob", 0o600) }), unix.EPERM)
	t.is("ann gives hers away", other(func() error { return unix.Chown(dir+"/ann", bob, -1) }), unix.EPERM)
	t.is("root gives it away", unix.Chown(dir+"/ann", bob, bob), nil)
	owner("ann", bob)
	t.is("it is bob's now", asBob(func() error { return has(dir+"/ann", "ann's") }), nil)
	t.is("and no longer ann's", other(func() error { return openErr(dir+"/ann", unix.O_RDONLY, 0) }), unix.EACCES)
	if m.server != "diskfs" { // as in Plan 9, nobody is above permissions
		t.is("root reads ann's", openErr(dir+"/anns/f", unix.O_RDONLY, 0), unix.EACCES)
	} else {
		t.is("root reads all", has(dir+"/anns/f", "x"), nil)
	}
	t.is("bob moves ann's", asBob(func() error { return unix.Rename(dir+"/anns/f", dir+"/f") }), unix.EACCES)
	t.is("bob removes in a directory for all", asBob(func() error { return unix.Rmdir(dir + "/anns") }), unix.ENOTEMPTY)

	// A file that is open is open to whoever holds it.
	var fd int
	t.is("bob opens", asBob(func() (err error) { fd, err = unix.Open(dir+"/ann", unix.O_RDWR, 0); return err }), nil)
	t.is("ann writes what bob opened", other(func() error { _, err := unix.Pwrite(fd, []byte("ANN"), 0); return err }), nil)
	t.is("ann reads it", other(func() error {
		if n, err := unix.Pread(fd, make([]byte, 10), 0); n != 5 || err != nil {
			return fmt.Errorf("%d %v", n, err)
		}
		return unix.Close(fd)
	}), nil)
	t.is("what was written", asBob(func() error { return has(dir+"/ann", "ANN's") }), nil)
	t.is("ann removes hers", other(func() error { return os.RemoveAll(dir + "/anns") }), nil)
}
