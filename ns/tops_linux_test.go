package ns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestTops: the engine's own thread is listed of a group's root what the kernel will mount on and
// what is the engine's, and no server is asked for that; everybody else all that is there.
func TestTops(t *testing.T) {
	const teacher, another = 7, 8
	for _, c := range []struct {
		line string
		pid  uint32
		want string // in a group's root; in brackets those of which nothing more is told
	}{
		{"", teacher, "n mnt env net (srv) tmp usr"},
		{"", another, "n mnt env net (srv) tmp usr a f"},
		{"bind /a /usr", teacher, "n mnt env net (srv) tmp usr"},
		{"bind #| /env", teacher, "n mnt (env) net (srv) tmp usr"},
		{"bind -b /a /", teacher, "b n mnt env net (srv) tmp usr a f"}, // what is in a may be another usr
	} {
		t.Run(fmt.Sprint(c.line, " ", c.pid), func(t *testing.T) {
			g := newGroup(t, tree("tmp/x", "usr/share/z", "a/b/c", "f"), "/tmp", "/usr")
			if c.line != "" {
				if err := do(t, g, c.line); err != nil {
					t.Fatal(err)
				}
			}
			f := newFuseFS(g.eng)
			defer f.tops.close()
			defer f.forgetAll()
			f.teachers.Store(uint32(teacher), nil)
			var root devfuse.EntryOut
			if s := f.Lookup(nil, &devfuse.InHeader{NodeId: devfuse.RootId}, groupDir(g.id), &root); s != 0 {
				t.Fatal(s)
			}
			in := devfuse.InHeader{NodeId: root.NodeId, Pid: c.pid}
			var open devfuse.OpenOut
			if s := f.OpenDir(nil, &devfuse.OpenIn{InHeader: in}, &open); s != 0 {
				t.Fatal(s)
			}
			for range 2 { // it may be rewound
				var got []string
				f.readdir(nil, &devfuse.ReadIn{InHeader: in, Fh: open.Fh}, func(ctx *reqCtx, d *dirHandle, e devfuse.DirEntry) bool {
					if e.Off <= uint64(len(dots)) {
						return true
					}
					name := e.Name
					if n, st, ok := d.known(&dirReq{ctx, d.n, d.c}, e); !ok {
						name = "(" + name + ")"
					} else {
						w, wst, err := g.walk(t.Context(), g.root, e.Name)
						if err != nil || w.key() != n.key() || st.Mode != wst.Mode || e.Ino != inode(n.key()) {
							t.Errorf("%s is %v, %v, and not %v, %v (%v)", e.Name, n.key(), st, w.key(), wst, err)
						}
						w.close()
						n.close()
					}
					got = append(got, name)
					return true
				})
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("%s, want %s", s, c.want)
				}
			}
			f.ReleaseDir(&devfuse.ReleaseIn{Fh: open.Fh})
		})
	}
}

// A heedfulDir gives names only to who still waits for them.
type heedfulDir struct{ *tdir }

func (d heedfulDir) Walk(ctx context.Context, name string) (srv.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.tdir.Walk(ctx, name)
}

// TestTopsInterrupt: that who first wants them is interrupted does not have them be missing for good.
func TestTopsInterrupt(t *testing.T) {
	g := newGroup(t, heedfulDir{tree("tmp/x", "usr/y")}, "/tmp", "/usr")
	f := newFuseFS(g.eng)
	defer f.tops.close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{over, t.Context()} {
		for _, name := range []string{"tmp", "usr"} {
			tops := f.topsOf(ctx, g)
			if !slices.ContainsFunc(tops, func(x top) bool { return x.name == name && x.st.Qid.Type&p9.QTDIR != 0 }) {
				t.Errorf("%s is missing of %d", name, len(tops))
			}
			for _, x := range tops {
				x.c.close()
			}
		}
	}
}
