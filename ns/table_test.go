package ns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ninespace/ns/nstest"
	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
)

// TestTable has the rules on the mount table alone.
func TestTable(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "9ns.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var ram srv.File
	defer serveTree(t, dir+"/ram", func() (srv.File, error) { return ram, nil })()
	defer serveTree(t, dir+"/proc", func() (srv.File, error) { return srv.Walk(t.Context(), ram, "dir") })()
	host, err := diskfs.New("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range nstest.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			w := filepath.Join(dir, "w")
			nstest.MakeTree(t, w)
			defer os.RemoveAll(w)
			ram = nstest.MakeRam(t)
			e := NewEngine(EngineOptions{Host: host, Namespace: dir})
			g, err := e.NewGroup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e.kernel = noKernel{}
			p := &player{t: t, g: g, dir: dir, cwd: w}
			p.play(r)
			for _, g := range e.groups {
				g.Close()
			}
			for _, d := range []*Dev{e.host, e.rootDev} {
				if n := d.refs.Load(); n != 1 {
					t.Errorf("%s: %d Chans are left open", d.name, n-1)
				}
			}
		})
	}
}

// serveTree serves a tree at a socket until stop is called.
func serveTree(t *testing.T, sock string, tree func() (srv.File, error)) (stop func()) {
	t.Helper()
	l, err := srv.Announce("unix!" + sock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- (&srv.Server{Attach: func(_ context.Context, _, aname string) (srv.File, error) {
			if aname != "" {
				return nil, p9.ErrNotExist
			}
			return tree()
		}}).Serve(ctx, l)
	}()
	return func() { cancel(); <-done }
}

// noKernel is a kernel in which every mount works and nothing is seen.
type noKernel struct{}

func (noKernel) place(*Group, int, []Graft, []Graft) error             { return nil }
func (noKernel) fork(*Group, *Group, int) error                        { return nil }
func (noKernel) envOf(g *Group, _ int) *Group                          { return g }
func (noKernel) showEnv(*Group, *Group, int) error                     { return nil }
func (noKernel) changed(*Group, *Chan)                                 {}
func (noKernel) hidden(*Group, []*Dev)                                 {}
func (noKernel) over(*Group, int, *Chan, bool) string                  { return "" }
func (noKernel) forgetting(*Group, *Chan) <-chan struct{}              { return nil }
func (noKernel) tree(context.Context, string, string) (string, func()) { return "", nil }
func (noKernel) descriptors(caller) (func(caller, int) (channel, error), error) {
	return nil, errUseFd
}
func (noKernel) serves(caller) (func(), error) { return func() {}, nil }

// A player does a rule's commands on the table.
type player struct {
	t        *testing.T
	g        *Group
	dir, cwd string
	outer    []*player
	skip     int // depth of blocks whose group was refused
	out      bytes.Buffer
}

func (p *player) play(r nstest.Rule) {
	for i, line := range r.Lines {
		p.out.Reset()
		args, err := srv.Fields(strings.NewReplacer(" /w", " "+p.dir+"/w", "#U/w", "#U"+p.dir+"/w").Replace(line))
		if err != nil {
			p.t.Fatal(err)
		}
		switch {
		case args[0] == "(":
			err = p.enter(args[1])
		case args[0] == ")":
			p.leave()
		case p.skip > 0:
			continue
		default:
			err = p.do(args)
		}
		if err != nil {
			fmt.Fprintf(&p.out, "%s: %v\n", strings.ReplaceAll(args[0], "(", "rfork"), err)
		}
		got := strings.ReplaceAll(strings.ReplaceAll(p.out.String(), p.dir+"/w", "/w"), p.dir, "/srv")
		want := strings.Join(append(slices.Clone(r.Want[i]), ""), "\n")
		if !strings.EqualFold(got, want) {
			p.t.Errorf("%s\nprints\n%s\nnot\n%s", line, got, want)
		}
	}
}

func (p *player) enter(flags string) error {
	outer := *p
	if p.skip > 0 {
		p.skip++
		return nil
	}
	e := p.g.eng
	before := e.ngroup
	if err := p.g.rfork(flags, 0); err != nil {
		p.skip = 1
		return err
	}
	p.outer = append(p.outer, &outer)
	if e.ngroup != before {
		p.g = e.group(e.ngroup)
	}
	return nil
}

func (p *player) leave() {
	if p.skip > 0 {
		p.skip--
		return
	}
	n := len(p.outer) - 1
	p.g, p.cwd = p.outer[n].g, p.outer[n].cwd
	p.outer = p.outer[:n]
}

// do does a command.
func (p *player) do(args []string) error {
	ctx := withCaller(p.t.Context(), &caller{group: p.g, uid: uint32(os.Geteuid())})
	abs := func(i int) string { return Abs(p.cwd, args[i]) }
	switch args[0] {
	case "bind", "mount", "unmount":
		op, err := opOf(args)
		if err != nil {
			return err
		}
		op.Old = Abs(p.cwd, op.Old)
		if _, err := os.Lstat(filepath.Join(p.cwd, op.New)); args[0] == "bind" || args[0] == "unmount" && (err == nil || op.New != "" && op.New[0] == '/') {
			op.New = Abs(p.cwd, op.New)
		}
		return p.g.Apply(ctx, op, 0)
	case "ns":
		p.out.WriteString(p.g.pg.Text() + Op{Verb: "cd", Old: p.cwd}.String() + "\n")
		return nil
	case "ctl":
		_, err := new(ctlHandle).Write(ctx, []byte(strings.Join(args[1:], " ")), 0)
		return err
	case "cd":
		p.cwd = abs(1)
		return nil
	case "ls", "lsu":
		names, err := p.list(ctx, abs(1))
		if err != nil {
			return err
		}
		if args[0] == "ls" {
			slices.Sort(names)
		}
		fmt.Fprintln(&p.out, strings.Join(names, " "))
		return nil
	case "cat":
		return p.with(ctx, abs(1), func(c *Chan) error {
			t := p.g.pg.top(c)
			defer t.close()
			h, err := srv.Open(ctx, t.file, p9.OREAD)
			if err != nil {
				return errno(err)
			}
			defer clunkHandle(t.file, h)
			buf := make([]byte, 100)
			n, err := h.(srv.Reader).Read(ctx, buf, 0)
			if p.out.Write(buf[:max(n, 0)]); errors.Is(err, io.EOF) {
				err = nil
			}
			return errno(err)
		})
	case "write":
		return p.write(ctx, abs(1), args[2]+"\n")
	case "mkdir":
		return p.create(ctx, abs(1), fs.ModeDir|0o777, "")
	case "rm":
		return p.with(ctx, path.Dir(abs(1)), func(c *Chan) error {
			m, err := p.g.owner(ctx, c, path.Base(args[1]))
			if err != nil {
				return errno(err)
			}
			defer m.close()
			return errno(srv.Unlink(ctx, m.file, path.Base(args[1]), false))
		})
	}
	p.t.Fatalf("%s: unknown command", args[0])
	return nil
}

// errno is what Linux tells of an error.
func errno(err error) error {
	if err == nil {
		return nil
	}
	return p9.ErrorOf(err).Errno
}

// with finds a name's file, not what is mounted on it.
func (p *player) with(ctx context.Context, name string, do func(c *Chan) error) error {
	if name[0] == '#' { // which to Linux is a name like others
		return errno(p9.ErrNotExist)
	}
	c, err := p.g.lookup(ctx, name, false)
	if err != nil {
		return errno(err)
	}
	defer c.close()
	return do(c.Chan)
}

// list gives the names in a directory, each once, in order.
func (p *player) list(ctx context.Context, name string) (names []string, err error) {
	err = p.with(ctx, name, func(c *Chan) error {
		members := p.g.pg.members(c)
		defer closeAll(members)
		for _, m := range members {
			h, err := srv.Open(ctx, m.file, p9.OREAD)
			if err != nil {
				return errno(err)
			}
			defer clunkHandle(m.file, h)
			l, ok := h.(srv.Lister)
			if !ok {
				l = m.file.(srv.Lister)
			}
			for e, err := range l.List(ctx, 0) {
				if err != nil {
					return errno(err)
				}
				if !slices.Contains(names, e.Name) {
					names = append(names, e.Name)
				}
			}
		}
		return nil
	})
	return names, err
}

func (p *player) write(ctx context.Context, name, text string) error {
	err := p.with(ctx, name, func(c *Chan) error {
		t := p.g.pg.top(c)
		defer t.close()
		h, err := srv.Open(ctx, t.file, p9.OWRITE|p9.OTRUNC)
		if err != nil {
			return errno(err)
		}
		defer clunkHandle(t.file, h)
		_, err = h.(srv.Writer).Write(ctx, []byte(text), 0)
		return errno(err)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = p.create(ctx, name, 0o666, text)
	}
	return err
}

func (p *player) create(ctx context.Context, name string, perm fs.FileMode, text string) error {
	return p.with(ctx, path.Dir(name), func(c *Chan) error {
		d, err := p.g.pg.creator(c)
		if err != nil {
			return errno(err)
		}
		defer d.close()
		mode := p9.OWRITE
		if perm.IsDir() {
			mode = p9.OREAD
		}
		file, h, err := srv.Create(ctx, d.file, path.Base(name), perm, mode)
		if err != nil {
			return errno(err)
		}
		if w, ok := h.(srv.Writer); ok && text != "" {
			_, err = w.Write(ctx, []byte(text), 0)
		}
		clunkHandle(file, h)
		srv.Clunk(file)
		return errno(err)
	})
}
