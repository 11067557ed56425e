package ns

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// tree makes a directory of the kit from names: "a/b" is a file whose text is its
// own name, "a/" a directory, "a@" a link to what follows.
func tree(names ...string) *tdir {
	root := newTdir()
	for _, n := range names {
		d := root
		parts := strings.Split(n, "/")
		for i, p := range parts {
			name, target, isLink := strings.Cut(p, "@")
			switch {
			case isLink:
				d.Add(name, &link{srv.NewNode(fs.ModeSymlink | 0o777), strings.ReplaceAll(target, ":", "/")})
			case i == len(parts)-1 && p != "":
				d.Add(p, srv.Const(n))
			case p != "":
				f, err := d.Walk(context.Background(), p)
				if err != nil {
					f = newTdir()
					d.Add(p, f)
				}
				d = f.(*tdir)
			}
		}
	}
	return root
}

// A tdir is a directory in which files can be made.
type tdir struct{ *srv.Dir }

func newTdir() *tdir { return &tdir{srv.NewDir()} }

func (d *tdir) Create(_ context.Context, name string, perm fs.FileMode, _ p9.Mode) (srv.File, srv.Handle, error) {
	var f srv.File = srv.Const("new")
	if perm.IsDir() {
		f = newTdir()
	}
	d.Add(name, f)
	return f, f, nil
}

// newGroup makes a group over a host's tree.
func newGroup(t *testing.T, host srv.File, bases ...string) *Group {
	t.Helper()
	return newGroupOf(t, EngineOptions{Host: host, Bases: bases})
}

// newGroupOf makes a group of an engine of its own.
func newGroupOf(t *testing.T, o EngineOptions) *Group {
	t.Helper()
	e := NewEngine(o)
	g, err := e.NewGroup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, g := range e.groups {
			g.Close()
		}
		for _, d := range []*Dev{e.host, e.rootDev, e.own} {
			if n := d.refs.Load(); n != 1 {
				t.Errorf("%s: %d Chans are left open", d.name, n-1)
			}
		}
	})
	return g
}

// do applies lines, of which the last may fail.
func do(t *testing.T, g *Group, lines string) error {
	t.Helper()
	ops, err := ParseText(strings.ReplaceAll(lines, "; ", "\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range ops {
		if err := g.Apply(t.Context(), op, 0); err != nil {
			if i < len(ops)-1 {
				t.Fatal(err)
			}
			return err
		}
	}
	return nil
}

// look gives what a name is: a file's text, a directory's names in order.
func look(t *testing.T, g *Group, name string) string {
	t.Helper()
	ctx := withCaller(t.Context(), &caller{group: g})
	p, err := g.lookup(ctx, name, false)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "-"
		}
		return err.Error()
	}
	defer p.close()
	if !p.isDir() {
		top := g.pg.top(p.Chan)
		defer top.close()
		h, err := srv.Open(ctx, top.file, p9.OREAD)
		if err != nil {
			return err.Error()
		}
		defer clunkHandle(top.file, h)
		buf := make([]byte, 100)
		n, _ := h.(srv.Reader).Read(ctx, buf, 0)
		return string(buf[:max(n, 0)])
	}
	var names []string
	members := g.pg.members(p.Chan)
	defer closeAll(members)
	for _, m := range members {
		h, err := srv.Open(ctx, m.file, p9.OREAD)
		if err != nil {
			return err.Error()
		}
		defer clunkHandle(m.file, h)
		l, ok := h.(srv.Lister)
		if !ok {
			l = m.file.(srv.Lister)
		}
		for e, err := range l.List(ctx, 0) {
			if err != nil {
				return err.Error()
			}
			names = append(names, e.Name)
		}
	}
	return strings.Join(names, " ")
}

// TestRules has the rules of bind(2) as lines and what is then seen.
func TestRules(t *testing.T) {
	host := []string{"a/x", "a/ax", "a/sub/s", "b/x", "b/bx", "b/sub/t", "c/x", "c/cx", "f", "g", "e/"}
	for _, c := range []struct {
		rule, lines string
		see         string // name=what, ...
		err         string
	}{
		{"a group starts with #/ before #U", "", "/=n mnt env net srv a b c f g e, /n=, /srv=, /mnt=ns bin, /a=x ax sub, /a/x=a/x", ""},
		{"replace", "bind /a /b", "/b=x ax sub, /b/x=a/x, /b/bx=-", ""},
		{"a later replace forgets the former", "bind /a /b; bind /c /b", "/b=x cx", ""},
		{"after", "bind -a /b /a", "/a=x ax sub x bx sub, /a/x=a/x, /a/bx=b/bx", ""},
		{"before", "bind -b /b /a", "/a=x bx sub x ax sub, /a/x=b/x, /a/ax=a/ax", ""},
		{"a union is shallow", "bind -a /b /a", "/a/sub=s, /a/sub/t=-", ""},
		{"three in order", "bind -a /b /a; bind -b /c /a", "/a/x=c/x, /a=x cx x ax sub x bx sub", ""},
		{"binding a union copies its members", "bind -a /b /a; bind /a /e", "/e=x ax sub x bx sub", ""},
		{"binding a union after", "bind -a /b /a; bind -a /a /c", "/c=x cx x ax sub x bx sub", ""},
		{"it is the channel that is bound, not the name", "bind /a /e; bind /b /a", "/e/x=a/x, /a/x=b/x", ""},
		{"by the file, not by its name", "bind /a /e; bind /c /a/sub", "/e/sub=x cx, /a/sub=x cx", ""},
		{"and for files", "bind /g /a/x; bind /a /e", "/e/x=g, /a/x=g", ""},
		{"what is mounted is not looked at again", "bind /a /e; bind /c /a", "/e=x ax sub", ""},
		{"file over file", "bind /f /g", "/g=f", ""},
		{"no file over a directory", "bind /f /a", "", "bind /f /a: inconsistent mount"},
		{"no directory over a file", "bind /a /f", "", "inconsistent mount"},
		{"a union is of directories", "bind -a /f /g", "", "inconsistent mount"},
		{"no -c of a union", "bind -a /b /a; bind -c /a /e", "", "inconsistent mount"},
		{"new must be there", "bind /nosuch /a", "", "bind /nosuch /a: /nosuch: file does not exist"},
		{"old must be there", "bind /a /nosuch", "/nosuch=-", "mount point not there: /nosuch: file does not exist"},
		{"old must be there, deeper", "bind /a /n/x/y", "/n=", "mount point not there"},
		{"in /n it appears", "bind /a /n/x", "/n=x, /n/x=x ax sub", ""},
		{"and goes", "bind /a /n/x; unmount /n/x", "/n=, /n/x=-", ""},
		{"in /mnt as well", "bind /a /mnt/x", "/mnt=ns bin x, /mnt/x/x=a/x", ""},
		{"but for files there is none", "bind /f /n/x", "/n=", "inconsistent mount"},
		{"unmount of all", "bind -a /b /a; unmount /a", "/a=x ax sub", ""},
		{"unmount of one", "bind -a /b /a; bind -a /c /a; unmount /b /a", "/a=x ax sub x cx", ""},
		{"of the first", "bind -b /b /a; unmount /b /a", "/a=x ax sub", ""},
		{"of itself in a union", "bind -b /b /a; unmount #U/a /a", "/a=x bx sub", ""},
		{"unmount of nothing", "unmount /a", "", "unmount /a: not mounted"},
		{"unmount of another", "bind /b /a; unmount /c /a", "/a=x bx sub", "unmount /c /a: not in union"},
		{"the host's own under what is bound", "bind /a /b; bind #U/b /c", "/c=x bx sub", ""},
		{"a relative name is none", "bind a /b", "", "no such device or relative name"},
		{"no such device", "bind #x /b", "", "#x: no such device"},
		{"the root is not replaced", "bind /a /", "", "the root can only be added to"},
		{"nor unmounted", "unmount /", "", "unmount /: not mounted"},
		{"the root is added to", "bind -b /a /", "/ax=a/ax, /a/x=a/x", ""},
		{"clear", "bind /a /b; bind /a /n/x; clear", "/b=x bx sub, /n=", ""},
		{".. is by name", "bind /a/sub /e; bind /e/../f /g", "/g=f", ""},
		{"no server", "mount unix!/nosuch/sock /n/x", "/n=", "mount /n/x: dial unix!/nosuch/sock"},
		{"no stream", "mount #d/0 /n/x", "/n=", "#d/0: the engine has no such stream"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			g := newGroup(t, tree(host...))
			err := do(t, g, c.lines)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("%s: error %v, want %q", c.lines, err, c.err)
			}
			for want := range strings.SplitSeq(c.see, ", ") {
				if name, what, ok := strings.Cut(want, "="); ok {
					if got := look(t, g, name); got != what {
						t.Errorf("%s is %q, want %q", name, got, what)
					}
				}
			}
			if err != nil {
				return
			}
			// The lines that it prints build the same.
			again := newGroup(t, g.eng.host.root)
			text := g.pg.Text()
			if err := do(t, again, text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := again.pg.Text(); got != text {
				t.Errorf("%q builds %q", text, got)
			}
			for want := range strings.SplitSeq(c.see, ", ") {
				if name, what, ok := strings.Cut(want, "="); ok {
					if got := look(t, again, name); got != what {
						t.Errorf("rebuilt, %s is %q, want %q", name, got, what)
					}
				}
			}
		})
	}
}

// TestCreate has where a union creates.
func TestCreate(t *testing.T) {
	for _, c := range []struct{ lines, in, err string }{
		{"", "/a", ""},
		{"bind /b /a", "/b", ""},
		{"bind -c /b /a", "/b", ""},
		{"bind -a /b /a", "", "mounted directory forbids creation"},
		{"bind -ac /b /a", "/b", ""},
		{"bind -ac /b /a; bind -bc /c /a", "/c", ""},
		{"bind -b /c /a; bind -ac /b /a", "/b", ""},
	} {
		g := newGroup(t, tree("a/", "b/", "c/"))
		if err := do(t, g, c.lines); err != nil {
			t.Fatal(err)
		}
		p, err := g.lookup(t.Context(), "/a", false)
		if err != nil {
			t.Fatal(err)
		}
		d, err := g.pg.creator(p.Chan)
		if err != nil {
			if err.Error() != c.err {
				t.Errorf("%q: %v", c.lines, err)
			}
		} else if d.rel != c.in {
			t.Errorf("%q: creates in %s, want %s", c.lines, d.rel, c.in)
		}
		d.close()
		p.close()
	}
}

// TestFork has groups that copy a name space and then differ.
func TestFork(t *testing.T) {
	g := newGroup(t, tree("a/x", "b/y"))
	if err := do(t, g, "bind /a /n/x"); err != nil {
		t.Fatal(err)
	}
	n, err := g.Fork(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := do(t, n, "bind /b /n/y; unmount /n/x"); err != nil {
		t.Fatal(err)
	}
	if err := do(t, g, "bind /b /n/z"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g    *Group
		want string
	}{{g, "x z"}, {n, "y"}} {
		if got := look(t, c.g, "/n"); got != c.want {
			t.Errorf("group %d: /n has %q, want %q", c.g.id, got, c.want)
		}
	}
	if a, b := g.pg.Text(), "bind /a /n/x\nbind /b /n/z\n"; a != b {
		t.Errorf("text %q, want %q", a, b)
	}
}

// TestLinks has symbolic links in names.
func TestLinks(t *testing.T) {
	g := newGroup(t, tree("usr/bin/ls", "bin@usr:bin", "abs@:usr", "loop@loop", "up/l@..:usr"))
	for _, c := range []struct{ name, want string }{
		{"/bin/ls", "usr/bin/ls"}, {"/abs/bin/ls", "usr/bin/ls"}, {"/up/l/bin", "ls"},
		{"/loop", "/loop: Too many levels of symbolic links"},
	} {
		if got := look(t, g, c.name); !strings.EqualFold(got, c.want) && !strings.Contains(got, "symbolic") {
			t.Errorf("%s is %q, want %q", c.name, got, c.want)
		}
	}
	if err := do(t, g, "bind /abs /n/u"); err != nil {
		t.Fatal(err)
	}
	if got := g.pg.Text(); got != "bind /usr /n/u\n" {
		t.Errorf("a link stays in %q", got)
	}
}

// TestGrafts has which kernel mounts a table asks for.
func TestGrafts(t *testing.T) {
	host := []string{"tmp/a/sub/x", "tmp/b/sub/y", "tmp/c/", "tmp/f", "usr/share/z", "home/h/", "etc/e"}
	for _, c := range []struct{ lines, want string }{
		{"", ""},
		{"bind /tmp/a /tmp/b", "/tmp/b<-/tmp/a"},
		{"bind /tmp/a /n/x", "/n/x<-/tmp/a"},
		{"bind /tmp/a /tmp/b; unmount /tmp/b", ""},
		{"bind -a /tmp/a /tmp/b", "/tmp/b<-"},
		{"bind /n /tmp/b", "/tmp/b<-"},
		{"bind /tmp/a /tmp/b; bind /usr /tmp/a/sub", "/tmp/b<-/tmp/a /tmp/a/sub<-/usr /tmp/b/sub<-/usr"},
		{"bind /usr /tmp/a/sub; bind /tmp/a /tmp/b", "/tmp/b<-/tmp/a /tmp/a/sub<-/usr /tmp/b/sub<-/usr"},
		// /tmp/b/sub as it was is hidden.
		{"bind /usr /tmp/b/sub; bind /tmp/a /tmp/b", "/tmp/b<-/tmp/a"},
		{"bind /usr /home", "/home<-/usr"},
		{"bind /usr /n/u; bind /tmp /usr", "/usr<-/tmp /n/u<-/usr"},
		{"bind /tmp/f /etc/e", "/etc/e<-/tmp/f"},
		// A directory in itself has no end.
		{"bind /tmp /tmp/a/sub", "/tmp/a/sub<-"},
		{"bind -b /home /", ""},
		{"bind -b /tmp/t /", "/usr<-"},
	} {
		g := newGroup(t, tree(append(host, "tmp/t/usr/")...), "/tmp", "/usr", "/home", "/etc")
		if err := do(t, g, c.lines); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range g.grafts(g.hidden()) {
			got = append(got, w.Target+"<-"+w.Host)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q: %s, want %s", c.lines, s, c.want)
		}
	}
}

func TestDifference(t *testing.T) {
	g := func(s string) (l []Graft) {
		for f := range strings.FieldsSeq(s) {
			target, host, _ := strings.Cut(f, "=")
			l = append(l, Graft{target, host})
		}
		return l
	}
	for _, c := range []struct{ have, want, undo, make string }{
		{"", "/a=/x /a/b=/y", "", "/a=/x /a/b=/y"},
		{"/a=/x /a/b=/y", "", "/a/b=/y /a=/x", ""},
		{"/a=/x /a/b=/y", "/a=/x", "/a/b=/y", ""},
		{"/a=/x", "/a=/x /a/b=/y", "", "/a/b=/y"},
		{"/a=/x /a/b=/y", "/a=/z /a/b=/y", "/a/b=/y /a=/x", "/a=/z /a/b=/y"},
		{"/a/b=/y /c=/q", "/a=/z /a/b=/y /c=/q", "/a/b=/y", "/a=/z /a/b=/y"},
	} {
		undo, make := difference(g(c.have), g(c.want))
		if !slices.Equal(undo, g(c.undo)) || !slices.Equal(make, g(c.make)) {
			t.Errorf("%s -> %s: undo %v, make %v", c.have, c.want, undo, make)
		}
	}
}

func TestParse(t *testing.T) {
	env := map[string]string{"home": "/usr/glenda", "x": "a b"}
	files := map[string]string{"more": "bind /m /n/m\n", "loop": ". loop\n", "bad": "\nbind x\n"}
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"# a comment\n\n  # another\n", ""},
		{"bind -ac /a /b", "bind -ac /a /b"},
		{"\tbind -a -c /a /b  ", "bind -ac /a /b"},
		{"mount -C #s/ram /n/ram spec", "mount -C #s/ram /n/ram spec"},
		{"bind $home/bin/$x /b", "bind '/usr/glenda/bin/a b' /b"},
		{"bind '/a b' 'it''s'", "bind '/a b' 'it''s'"},
		{"bind /a$nosuch /b", "bind /a /b"},
		{"bind /a#b /c", "bind '/a#b' /c"},
		{"-mount x /n/x", "?mount x /n/x"},
		{"- mount x /n/x", "?mount x /n/x"},
		{"unmount /a\nunmount /a /b\nclear\ncd /usr", "unmount /a\nunmount /a /b\nclear\ncd /usr"},
		{". more\nclear", "bind /m /n/m\nclear"},
		{"-. nosuch", ""},
		{". nosuch", "f:1: nosuch: file does not exist"},
		{". loop", "loop: files include each other too deeply"},
		{"clear\n. bad", `f:2: bad:2: "bind x": usage: bind [-abcC] new old`},
		{"bind /a", `f:1: "bind /a": usage: bind [-abcC] new old`},
		{"bind -x /a /b", `f:1: "bind -x /a /b": unknown flag -x`},
		{"bind -ab /a /b", `f:1: "bind -ab /a /b": both -a and -b`},
		{"bind '' /b", `an empty name`},
		{"bind '/a /b", `f:1: unclosed quote in "bind '/a /b"`},
		{"chdev -r /x", `f:1: "chdev": unknown operation`},
		{"clear\n" + strings.Repeat("x", 70000), "f:2: a line is longer than 65536 bytes"},
		{"'" + strings.Repeat("\x01", 60000), `f:1: unclosed quote in "'` + strings.Repeat(`\x01`, 79) + `"`},
		{strings.Repeat("x", 60000), `f:1: "` + strings.Repeat("x", 80) + `": unknown operation`},
		{"cd a " + strings.Repeat("x", 60000), `f:1: "cd a ` + strings.Repeat("x", 75) + `": usage: cd dir`},
		{"clear\n\nbind a '\x00'", "f:3: \"\\x00\": illegal name"},
		{"mount x", `f:1: "mount x": usage: mount [-abcCn] [-k key] server old [aname]`},
		{"mount -an x y z", "mount -a -n x y z"},
		{"mount -nk user=glenda -C x y", "mount -C -n -k 'user=glenda' x y"},
		{"mount -k'dom=burrow user=eve' x y", "mount -k 'dom=burrow user=eve' x y"},
		{"mount -k", `f:1: "mount -k": unknown flag -k`},
		{"bind -n x y", `f:1: "bind -n x y": unknown flag -n`},
		{"mount -q x y", `f:1: "mount -q x y": unknown flag -q`},
		{"unmount", `f:1: "unmount": usage: unmount [new] old`},
		{"cd", `f:1: "cd": usage: cd dir`},
		{"cd a b", `f:1: "cd a b": usage: cd dir`},
		{". a b", `f:1: ".": usage: . path`},
		{"#x /y", ""},
		{"bind #s/x /y", "bind #s/x /y"},
		{"bind $home$x/$home /y", "bind '/usr/glendaa b//usr/glenda' /y"},
		{"clear all", `f:1: "clear all": usage: clear`},
	} {
		ops, err := Parse(strings.NewReader(c.text), "f", func(n string) string { return env[n] }, testOpen(files))
		if err != nil {
			if !strings.HasSuffix(err.Error(), c.want) || c.want == "" {
				t.Errorf("%q: error %v, want %s", c.text, err, c.want)
			}
			continue
		}
		var lines []string
		for _, op := range ops {
			s := op.String()
			if op.Optional {
				s = "?" + s
			}
			lines = append(lines, s)
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("bind -a '/x y' $home\n- mount #s/x /n/x\n. f")
	f.Add("bind 'a\u00a0' b\xff") // names are bytes, and only blanks part them
	f.Fuzz(func(t *testing.T, text string) {
		ops, err := Parse(strings.NewReader(text), "f", func(n string) string { return n }, testOpen(nil))
		if err != nil {
			return
		}
		for _, op := range ops { // what is printed is read as the same
			again, err := Parse(strings.NewReader(op.String()), "f", func(string) string { return "" }, testOpen(nil))
			op.Optional, op.Place = false, "f:1"
			if err != nil || len(again) != 1 || again[0] != op {
				t.Errorf("%q: %v, %v", op.String(), again, err)
			}
		}
	})
}
