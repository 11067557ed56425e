package diskfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A user of no account, and the group that he acts with.
const (
	someone   = 4242
	someGroup = nobody
)

func needRoot(t testing.TB) {
	t.Helper()
	if _, free := process(); !free {
		t.Skip("only root can become others")
	}
}

// wide gives a directory that all may change.
func wide(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(0, os.Chmod(dir, 0o777))(t)
	return dir
}

// eachUser serves dir to root and to another, in each dialect.
func eachUser(t *testing.T, dir string, test func(t *testing.T, root, other client.Fsys)) {
	needRoot(t)
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		t.Run(version, func(t *testing.T) {
			r := serve(t, dir, PerUser())
			c := must(client.New(bg, srvtest.Serve(t, srv.New(r)), &client.Options{Version: version}))(t)
			t.Cleanup(func() { c.Close() })
			me := must(c.Attach(bg, nil, "", ""))(t)
			he := must(c.Attach(bg, nil, fmt.Sprint(someone), ""))(t)
			test(t, client.Fsys{Root: me}, client.Fsys{Root: he})
			unchanged(t)
		})
	}
}

// unchanged sees to it that all threads are the process's own.
func unchanged(t testing.TB) {
	t.Helper()
	tasks := must(os.ReadDir("/proc/self/task"))(t)
	var first string
	for _, task := range tasks {
		b, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err != nil {
			continue // it has ended
		}
		var who string
		for line := range strings.Lines(string(b)) {
			switch name, _, _ := strings.Cut(line, ":"); name {
			case "Uid", "Gid", "Groups", "CapEff", "CapPrm":
				who += line
			}
		}
		if first == "" {
			first = who
		}
		if who != first {
			t.Errorf("a thread is\n%sand another\n%s", first, who)
		}
	}
	if !strings.Contains(first, "\t0\t0\t0\t0\n") {
		t.Errorf("the process is\n%s", first)
	}
}

func owned(t testing.TB, path string, uid, gid uint32) {
	t.Helper()
	var st unix.Stat_t
	must(0, unix.Lstat(path, &st))(t)
	if st.Uid != uid || st.Gid != gid {
		t.Errorf("%s is of uid %d and gid %d, not %d and %d", path, st.Uid, st.Gid, uid, gid)
	}
}

// TestUserMakes: what a user makes is his.
func TestUserMakes(t *testing.T) {
	dir := wide(t)
	must(0, os.Mkdir(dir+"/set", 0))(t)
	must(0, os.Chown(dir+"/set", 0, 77))(t)
	must(0, os.Chmod(dir+"/set", fs.ModeSetgid|0o777))(t)
	n := 0
	eachUser(t, dir, func(t *testing.T, _, he client.Fsys) {
		n++
		f, d := fmt.Sprint("f", n), fmt.Sprint("d", n)
		must(0, he.WriteFile(bg, f, []byte("text"), 0o644))(t)
		must(0, he.Mkdir(bg, d, 0o755))(t)
		must(0, he.WriteFile(bg, "set/"+f, nil, 0o644))(t)
		owned(t, dir+"/"+f, someone, someGroup)
		owned(t, dir+"/"+d, someone, someGroup)
		owned(t, dir+"/set/"+f, someone, 77)
		must(0, he.Wstat(bg, f, p9.Wstat{Valid: p9.WMode, Mode: 0o600}))(t)
		must(0, he.Wstat(bg, f, p9.Wstat{Valid: p9.WLength, Length: 2}))(t)
		must(0, he.Rename(bg, f, f+"x"))(t)
		if b := must(he.ReadFile(bg, f+"x"))(t); string(b) != "te" {
			t.Errorf("read: %q", b)
		}
		must(0, he.Remove(bg, f+"x"))(t)
		must(0, he.Remove(bg, d))(t)
	})
	r := other(t, dir)
	for what, make := range map[string]func(name string) (srv.File, error){
		"symlink": func(name string) (srv.File, error) { return r.Symlink(bg, name, "x") },
		"pipe":    func(name string) (srv.File, error) { return r.Mknod(bg, name, fs.ModeNamedPipe|0o600, 0) },
		"socket":  func(name string) (srv.File, error) { return r.Mknod(bg, name, fs.ModeSocket|0o600, 0) },
	} {
		srv.Clunk(must(make(what))(t))
		owned(t, dir+"/"+what, someone, someGroup)
	}
	_, err := r.Mknod(bg, "null", fs.ModeDevice|fs.ModeCharDevice|0o666, unix.Mkdev(1, 3))
	wantErr(t, "a device node", err, unix.EPERM)
	unchanged(t)
}

// other gives a directory as another user has it, without an engine between.
func other(t testing.TB, dir string) *branch {
	t.Helper()
	needRoot(t)
	r := serve(t, dir, PerUser())
	ctx := srv.WithUser(bg, srv.NewUser("", someone))
	return must(r.Attach(ctx, ""))(t).(*branch)
}

// TestUserConformance holds another user's own directory to the same.
func TestUserConformance(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		dir := t.TempDir()
		must(0, os.Chown(dir, someone, someGroup))(t)
		return other(t, dir)
	})
	unchanged(t)
}

// TestUserRefused: what others have, he may do no more with than they let him.
func TestUserRefused(t *testing.T) {
	dir := wide(t)
	write(t, dir+"/mine", "text")
	write(t, dir+"/hidden", "text")
	must(0, os.Chmod(dir+"/hidden", 0o600))(t)
	for name, mode := range map[string]fs.FileMode{"shut": 0o700, "closed": 0o755, "blind": 0o711, "sticky": fs.ModeSticky | 0o777} {
		must(0, os.Mkdir(dir+"/"+name, 0o755))(t)
		write(t, dir+"/"+name+"/f", "text")
		must(0, os.Symlink("f", dir+"/"+name+"/l"))(t)
		must(0, os.Chmod(dir+"/"+name, mode))(t)
	}
	r := other(t, dir)
	mine, hidden := walk(t, r, "mine"), walk(t, r, "hidden")
	closed := walk(t, r, "closed")
	for what, do := range map[string]func(ctx context.Context) error{
		"walk":    func(ctx context.Context) error { _, err := srv.Walk(ctx, walk(t, r, "shut"), "f"); return err },
		"open":    func(ctx context.Context) error { _, err := srv.Open(ctx, hidden, p9.OREAD); return err },
		"write":   func(ctx context.Context) error { _, err := srv.Open(ctx, mine, p9.OWRITE); return err },
		"execute": func(ctx context.Context) error { _, err := srv.Open(ctx, mine, p9.OEXEC); return err },
		"list":    func(ctx context.Context) error { _, err := srv.Open(ctx, walk(t, r, "blind"), p9.OREAD); return err },
		"create": func(ctx context.Context) error {
			_, _, err := srv.Create(ctx, closed, "x", 0o644, p9.OREAD)
			return err
		},
		"truncate": func(ctx context.Context) error { _, err := srv.Open(ctx, mine, p9.OREAD|p9.OTRUNC); return err },
		"re-create": func(ctx context.Context) error {
			_, _, err := srv.Create(ctx, r, "mine", 0o644, p9.OWRITE|p9.OTRUNC)
			return err
		},
		"mkdir": func(ctx context.Context) error {
			_, _, err := srv.Create(ctx, closed, "x", fs.ModeDir|0o755, p9.OREAD)
			return err
		},
		"symlink":    func(ctx context.Context) error { _, err := closed.(srv.Symlinker).Symlink(ctx, "x", "y"); return err },
		"unlink":     func(ctx context.Context) error { return srv.Unlink(ctx, closed, "f", false) },
		"rename":     func(ctx context.Context) error { return srv.Rename(ctx, closed, "f", r, "f") },
		"rename to":  func(ctx context.Context) error { return srv.Rename(ctx, r, "mine", closed, "f") },
		"length":     func(ctx context.Context) error { return srv.Wstat(ctx, mine, p9.Wstat{Valid: p9.WLength}) },
		"touch":      func(ctx context.Context) error { return srv.Wstat(ctx, mine, p9.Wstat{Valid: p9.WMtimeNow}) },
		"set xattr":  func(ctx context.Context) error { return mine.(srv.Xattrer).Setxattr(ctx, "user.a", nil, 0) },
		"get xattr":  func(ctx context.Context) error { _, err := hidden.(srv.Xattrer).Getxattr(ctx, "user.a"); return err },
		"del xattr":  func(ctx context.Context) error { return mine.(srv.Xattrer).Removexattr(ctx, "user.a") },
		"chmod":      func(ctx context.Context) error { return srv.Wstat(ctx, mine, p9.Wstat{Valid: p9.WMode, Mode: 0o666}) },
		"chown":      func(ctx context.Context) error { return srv.Wstat(ctx, mine, p9.Wstat{Valid: p9.WUid, Nuid: someone}) },
		"set times":  func(ctx context.Context) error { return srv.Wstat(ctx, mine, p9.Wstat{Valid: p9.WMtime}) },
		"sticky":     func(ctx context.Context) error { return srv.Unlink(ctx, walk(t, r, "sticky"), "f", false) },
		"link":       func(ctx context.Context) error { return r.Link(ctx, hidden, "x") },
		"trusted":    func(ctx context.Context) error { return r.Setxattr(ctx, "trusted.a", []byte("x"), 0) },
		"capability": func(ctx context.Context) error { return setCapability(ctx, t, r) },
	} {
		if err := do(bg); err == nil || !strings.Contains("permission denied, operation not permitted", strings.ToLower(p9.ErrorOf(err).Ename)) {
			if what == "link" && protectedLinks() != "1" && err == nil {
				continue
			}
			t.Errorf("%s: %v", what, err)
		}
	}
	l := walk(t, r, "blind/l")
	if s, err := l.(srv.Readlinker).Readlink(bg); s != "f" || err != nil {
		t.Errorf("readlink: %q, %v", s, err)
	}
	if b := must(os.ReadFile(dir + "/mine"))(t); string(b) != "text" {
		t.Errorf("the file reads %q", b)
	}
	unchanged(t)
}

func protectedLinks() string {
	b, _ := os.ReadFile("/proc/sys/fs/protected_hardlinks")
	return strings.TrimSpace(string(b))
}

// setCapability gives a file of his own the power of CAP_DAC_OVERRIDE.
func setCapability(ctx context.Context, t *testing.T, dir srv.File) error {
	f, _, err := srv.Create(ctx, dir, "tool", 0o755, p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(f)
	v := []byte{1, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	return f.(srv.Xattrer).Setxattr(ctx, "security.capability", v, 0)
}

// TestUserWrites: a write by other than root takes the set-id bits off.
func TestUserWrites(t *testing.T) {
	dir := wide(t)
	eachUser(t, dir, func(t *testing.T, me, he client.Fsys) {
		for _, c := range []struct {
			fsys client.Fsys
			want fs.FileMode
		}{{he, 0o777}, {me, fs.ModeSetuid | fs.ModeSetgid | 0o777}} {
			write(t, dir+"/f", "text")
			f := must(c.fsys.Open(bg, "f", p9.OREAD))(t)
			f.Close()
			must(0, os.Chmod(dir+"/f", 0o666))(t)
			if f, err := c.fsys.Open(bg, "f", p9.OWRITE); err != nil {
				t.Error(err)
			} else {
				must(0, os.Chmod(dir+"/f", fs.ModeSetuid|fs.ModeSetgid|0o777))(t) // after the open
				must(f.Write([]byte("x")))(t)
				f.Close()
			}
			if m := must(os.Stat(dir + "/f"))(t).Mode(); m != c.want {
				t.Errorf("mode after a write: %v, not %v", m, c.want)
			}
		}
		must(0, os.Chmod(dir+"/f", fs.ModeSetuid|0o777))(t)
		must(0, he.Wstat(bg, "f", p9.Wstat{Valid: p9.WLength}))(t)
		if m := must(os.Stat(dir + "/f"))(t).Mode(); m != 0o777 {
			t.Errorf("mode after a truncation: %v", m)
		}
	})
}

// TestUserGroups: a user has his groups' rights, and a new file the one that is
// asked for if he is in it.
func TestUserGroups(t *testing.T) {
	needRoot(t)
	dir := wide(t)
	must(0, os.Mkdir(dir+"/club", 0o770))(t)
	must(0, os.Chown(dir+"/club", 0, 7777))(t)
	must(0, os.Chmod(dir+"/club", 0o770))(t)
	r := serve(t, dir, PerUser())
	as := &user{someone, 88, []uint32{88, 99, 7777}}
	member := &node{t: &tree{r.t.export, as, as}, fd: r.fd}
	stranger := &node{t: &tree{r.t.export, &user{someone, 88, nil}, as}, fd: r.fd}
	club := must(member.Walk(bg, "club"))(t)
	defer srv.Clunk(club)
	srv.Clunk(create(t, club, "f", 0o600, p9.OREAD))
	owned(t, dir+"/club/f", someone, 88)
	_, _, err := srv.Create(bg, walk(t, &branch{node: stranger}, "club"), "g", 0o600, p9.OREAD)
	wantErr(t, "create by a stranger", err, fs.ErrPermission)
	for i, c := range []struct {
		n         *node
		ask, want uint32
		uid       uint32
	}{{member, 99, 99, someone}, {member, 88, 88, someone}, {member, 0, 88, someone}, {member, p9.NoUid, 88, someone}, {r.node, 99, 99, 0}, {r.node, p9.NoUid, 0, 0},
		{serve(t, dir).node, 99, 99, 0}} {
		ctx := srv.WithGroup(bg, c.ask)
		name := fmt.Sprint(i)
		f, _, err := c.n.Create(ctx, name, 0o600, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		srv.Clunk(f)
		owned(t, dir+"/"+name, c.uid, c.want)
		srv.Clunk(must(c.n.Symlink(ctx, name+"l", "x"))(t))
		owned(t, dir+"/"+name+"l", c.uid, c.want)
	}
	unchanged(t)
}

// TestGroupNotThere: a group that the process cannot have is not asked for in vain.
func TestGroupNotThere(t *testing.T) {
	needRoot(t)
	dir := os.Getenv("DISKFS_AGAIN")
	if dir == "" {
		out, err := againAs(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{Size: 1}}, GidMappings: []syscall.SysProcIDMap{{Size: 1}}})
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("no user namespace: ", err)
		}
		if err != nil || !strings.Contains(string(out), "PASS: TestGroupNotThere") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	r := serve(t, dir)
	f, _, err := srv.Create(srv.WithGroup(bg, 99), r, "f", 0o600, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	srv.Clunk(f)
	owned(t, dir+"/f", 0, 0)
	unchanged(t)
}

// TestUserUnknown: whom the machine does not know is nobody; without PerUser all
// are the process.
func TestUserUnknown(t *testing.T) {
	needRoot(t)
	dir := wide(t)
	for _, c := range []struct {
		opts     []Option
		uname    string
		uid, gid uint32
	}{
		{[]Option{PerUser()}, "no such user", nobody, nobody},
		{[]Option{PerUser()}, "root", 0, 0},
		{nil, "no such user", 0, 0},
		{nil, fmt.Sprint(someone), 0, 0},
	} {
		conn := must(client.New(bg, srvtest.Serve(t, srv.New(serve(t, dir, c.opts...))), nil))(t)
		root := must(conn.Attach(bg, nil, c.uname, ""))(t)
		fsys := client.Fsys{Root: root}
		must(0, fsys.WriteFile(bg, "f", nil, 0o644))(t)
		owned(t, dir+"/f", c.uid, c.gid)
		must(0, os.Remove(dir+"/f"))(t)
		_, err := conn.Attach(bg, nil, c.uname, "other")
		wantErr(t, "another tree", err, fs.ErrNotExist)
		conn.Close()
	}
}

// TestUsersAtOnce has many users use one connection together.
func TestUsersAtOnce(t *testing.T) {
	needRoot(t)
	dir := wide(t)
	c := must(client.New(bg, srvtest.Serve(t, srv.New(serve(t, dir, PerUser()))), nil))(t)
	defer c.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		uid := uint32(i % 4 * 1000) // root among them
		wg.Go(func() {
			root, err := c.Attach(bg, nil, fmt.Sprint(uid), "")
			if err != nil {
				t.Error(err)
				return
			}
			fsys := client.Fsys{Root: root}
			for j := range 50 {
				name := fmt.Sprintf("f%d.%d", i, j)
				if err := fsys.WriteFile(bg, name, []byte(name), 0o600); err != nil {
					t.Error(err)
					return
				}
				var st unix.Stat_t
				if err := unix.Stat(dir+"/"+name, &st); err != nil || st.Uid != uid {
					t.Errorf("%s is of uid %d, not %d: %v", name, st.Uid, uid, err)
				}
				if b, err := fsys.ReadFile(bg, fmt.Sprintf("f%d.%d", (i+1)%8, j)); err == nil && uid != 0 {
					t.Errorf("uid %d reads another's %q", uid, b)
				}
			}
		})
	}
	wg.Wait()
	unchanged(t)
}

// TestDeathSignal: a thread that was another's is told of its parent's death still.
func TestDeathSignal(t *testing.T) {
	r := other(t, wide(t))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(0, unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0))(t)
	defer unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	srv.Clunk(create(t, r, "f", 0o600, p9.OREAD))
	if s := deathSignal(); s != int32(unix.SIGUSR1) {
		t.Errorf("signal %d", s)
	}
}

// again runs one test in a process of another kind, whose part it is when the
// variable is set.
func again(t *testing.T, cred *syscall.Credential) ([]byte, error) {
	t.Helper()
	return againAs(t, &syscall.SysProcAttr{Credential: cred})
}

func againAs(t *testing.T, attr *syscall.SysProcAttr) ([]byte, error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TMPDIR=") }),
		"DISKFS_AGAIN="+wide(t))
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr
	return cmd.CombinedOutput()
}

// TestNotRoot: a server that cannot become others refuses them.
func TestNotRoot(t *testing.T) {
	if dir := os.Getenv("DISKFS_AGAIN"); dir == "" && os.Getuid() == 0 {
		if out, err := again(t, &syscall.Credential{Uid: someone, Gid: someone}); err != nil || !strings.Contains(string(out), "PASS: TestNotRoot") {
			t.Errorf("as uid %d: %v\n%s", someone, err, out)
		}
		return
	}
	t.Setenv("USER", "root") // as su(1) may leave it: whom it names is nobody's proof
	dir, err := os.MkdirTemp("", "diskfs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		c := must(client.New(bg, srvtest.Serve(t, srv.New(serve(t, dir, PerUser()))), &client.Options{Version: version}))(t)
		root := must(c.Attach(bg, nil, "", ""))(t)
		must(0, client.Fsys{Root: root}.WriteFile(bg, "f", nil, 0o644))(t)
		for _, uname := range []string{"root", "no such user"} {
			_, err := c.Attach(bg, nil, uname, "")
			if version == p9.Version9P2000L { // which sends a number, the other a text
				wantErr(t, "attach as "+uname, err, fs.ErrPermission)
			} else if me := srv.NewUser("", uint32(os.Getuid())); err == nil || !strings.Contains(err.Error(), uname) || !strings.Contains(err.Error(), me.Name) {
				t.Errorf("attach as %s: the error does not name both: %v", uname, err)
			}
		}
		c.Close()
	}
}

// TestNoWayBack: a thread that cannot become the process's own again ends with it.
func TestNoWayBack(t *testing.T) {
	needRoot(t)
	if dir := os.Getenv("DISKFS_AGAIN"); dir != "" {
		r := other(t, dir)
		r.t.here(func() error {
			_, _, e := unix.RawSyscall(sysSetresuid, someone, someone, someone)
			return errno(e)
		})
		fmt.Println("went on")
		return
	}
	out, err := again(t, nil)
	if err == nil || !strings.Contains(string(out), "diskfs: become uid 0 again") || strings.Contains(string(out), "went on") {
		t.Errorf("%v\n%s", err, out)
	}
}
