package newns_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
)

// Linux's own mount(8) in a name space: what it has mounted on what the engine shows.

// TestMounts has no such mount lost because what is beneath it changes.
func TestMounts(t *testing.T) {
	for _, noGraft := range []bool{false, true} {
		s := newSession(t, false, noGraft)
		s.serve(t, "ram", ramfs.New())
		s.serve(t, "ram2", ramfs.New())
		const busy = ": mounted by Linux's own mount: Device or resource busy\n"
		for _, c := range []struct{ script, want string }{
			{"on /n/ram/d; unmount /n/ram; ls /n/ram/d; umount /n/ram/d; unmount /n/ram; ls /n",
				"unmount: unmount /n/ram: /n/ram/d" + busy + "f\n"},
			{"on /n/ram; unmount /n/ram; ls /n/ram; umount /n/ram; ls /n/ram; unmount /n/ram; ls /n",
				"unmount: unmount /n/ram: /n/ram" + busy + "f\nd\ne\n"},
			{"on /n/ram/d; mount ram2 /n/ram; bind a /n/ram; ls /n/ram/d; umount /n/ram/d; bind a /n/ram; ls /n/ram",
				"mount: mount /n/ram: /n/ram/d" + busy + "bind: bind D/a /n/ram: /n/ram/d" + busy + "f\nax\nsub\nx\n"},
			{"on /n/ram/d; mount -a ram2 /n/ram; bind a /n/ram/e; unmount /n/ram/e; ls /n/ram/d; umount /n/ram/d; unmount ram2 /n/ram; ls /n/ram", "f\nd\ne\n"},
			{"bind /n/ram b; on b/d; unmount b; ls b/d; umount b/d; unmount b; ls b", "unmount: unmount D/b: D/b/d" + busy + "f\nbx\nx\n"},
			{"on /n/ram/d; mount ram2 /n/ram2; bind /n/ram c; unmount c; unmount /n/ram2; ls /n/ram/d; umount /n/ram/d", "f\n"},
			{"mkdir '/n/ram/a b'; on '/n/ram/a b'; unmount /n/ram; umount '/n/ram/a b'; rmdir '/n/ram/a b'; unmount /n/ram",
				"unmount: unmount /n/ram: /n/ram/a b" + busy},
			{"on /n/ram/d; echo clear >/mnt/ns/ctl; ls /n/ram/d; umount /n/ram/d; echo clear >/mnt/ns/ctl; ls /n",
				"sh: 1: echo: echo: I/O error\nf\n"},
			{"rfork n sh -c 'bind a /n/ram'; on /n/ram/d; rfork n unmount /n/ram; ls /n/ram/d; umount /n/ram/d", "f\n"},
			// A directory of the host's comes with the mounts in it.
			{"bind / /n/all; bind a /n/all; ls /n/all; bind -a / /n/all; unmount / /n/all; unmount /n/all; ls /n", "ax\nsub\nx\nram\n"},
		} {
			got, _ := s.run(t, "mount -c #s/ram /n/ram", "on() { command -p mount -t tmpfs none \"$1\" && echo >\"$1\"/f; }; mkdir -p /n/ram/d /n/ram/e; "+c.script)
			if got != c.want {
				t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, c.want)
			}
		}
		clean(t)
	}
}

// TestLockedMounts has who gets a lock, of a file or by making a directory, ask anew for directories that he
// used, whose modes another has changed: what is mounted and bound beneath them stays, as does who is there.
func TestLockedMounts(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		s.ramfs(t)
		for _, flags := range []string{"-c", "-cC"} {
			const script = `cd /n/ram; mkdir -p sub/deep/at sub/bound sub/served sub/here; >n
				for i in 1 2; do mkdir sub/lock; rmdir sub/lock; done # known for a lock's name from then on
				bind $D/a sub/bound; mkdir /n/ram2/tree; echo r >/n/ram2/tree/r; bind /n/ram2/tree sub/served
				command -p mount -t tmpfs none sub/deep/at; echo t >sub/deep/at/f
				cd sub/here; echo h >h; exec <../bound
				for mode in 711 755 700; do
					ls -lR /n/ram >/dev/null; stat /n/ram/* /n/ram/sub/* >/dev/null
					chmod $mode /n/ram2/sub /n/ram2/sub/deep
					case $mode in
					711) flock /n/ram/n true;;
					*) mkdir ../lock; rmdir ../lock;;
					esac
					stat -c %a .. ../deep
					cat ../deep/at/f ../bound/x ../served/r h; ls /dev/stdin/
				done
				cd /; umount /n/ram/sub/deep/at; unmount /n/ram/sub/bound; unmount /n/ram/sub/served; rm -r /n/ram/sub /n/ram/tree; ls /n/ram`
			want := ""
			for _, mode := range []string{"711", "755", "700"} {
				want += mode + "\n" + mode + "\nt\na/x\nr\nh\nax\nsub\nx\n"
			}
			got, _ := s.run(t, "mount "+flags+" #s/ram /n/ram\nmount -c #s/ram /n/ram2", script)
			if want += "n\n"; got != want {
				t.Errorf("%s: prints\n%s\nnot\n%s", flags, got, want)
			}
		}
		clean0(t, s)
	})
}

// A stubborn directory does not say whether it changed its mode until it is let.
type stubborn struct {
	*srv.Dir
	asked, let chan struct{}
}

func (s *stubborn) Wstat(context.Context, p9.Wstat) error {
	close(s.asked)
	<-s.let
	return nil
}

// TestLateForget has a request hold up that the kernel forgets a tree that was unmounted: it does
// not undo then what was mounted there since.
func TestLateForget(t *testing.T) {
	s := newSession(t, false, false)
	dir := &stubborn{srv.NewDir().Add("d", srv.NewDir().Add("x", srv.Const(""))), make(chan struct{}), make(chan struct{})}
	s.serve(t, "stubborn", dir)
	s.serve(t, "ram", srv.NewDir().Add("d", srv.NewDir().Add("y", srv.Const(""))))
	cmd := s.command(t, "mount #s/stubborn /n/s", `ls /n/s/d; chmod 700 /n/s & read x; unmount /n/s
		again() { mount ram /n/s && command -p mount -t tmpfs none /n/s/d && echo >/n/s/d/f; }
		again 2>&1 && made=1; echo let; wait; [ $made ] || again
		for i in 1 2 3 4 5 6 7 8 9 10; do chmod 700 /n/s; done 2>/dev/null # each after what waits for the directory
		ls /n/s/d; umount /n/s/d; ls /n/s/d`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(start(t, cmd))
	<-dir.asked
	io.WriteString(in, "\n")
	var got strings.Builder
	for line := ""; err == nil && line != "let\n"; got.WriteString(line) {
		line, err = out.ReadString('\n')
	}
	close(dir.let)
	io.Copy(&got, out)
	cmd.Wait()
	if want := "mount: mount /n/s: what was unmounted here is still in use: Device or resource busy\nlet\nf\ny\n"; got.String() != want {
		t.Errorf("%q, not %q", got.String(), want)
	}
	clean(t)
}
