package newns_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"ninespace/srv"
)

// TestPost has descriptors posted in /srv, by a shell and by other programs.
func TestPost(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		s.ramfs(t)
		for _, c := range []struct{ name, script, want string }{
			{"directory", "ls -ld /srv | cut -c1-10; ls /srv; rmdir /srv 2>/dev/null || echo stays", "drwxrwxrwt\nram\nstays\n"},
			{"fifo", "mkfifo p; exec 3<>p; echo 3 >/srv/x; ls /srv; echo there >&3; read a </srv/x; exec 4<>/srv/x; echo $a and back >&4; read a <&3; echo $a; rm p",
				"ram\nx\nthere and back\n"},
			{"once more", "mkfifo p; exec 3<>p; echo 3 >/srv/x; (echo 3 >/srv/x) 2>/dev/null || echo exists; rm /srv/x; ls /srv; echo 3 >/srv/x; ls /srv; rm p",
				"exists\nram\nram\nx\n"},
			{"removed", "mkfifo p; exec 3<>p; echo 3 >/srv/x; exec 4<>/srv/x; rm /srv/x; cat /srv/x 2>/dev/null || echo gone; echo kept >&4; read a <&3; echo $a; rm p", "gone\nkept\n"},
			{"a file", "exec 3<b/x; echo 3 >/srv/x; cat /srv/x; cat /srv/x; exec 3<&-; (echo no >>/srv/x) 2>/dev/null || echo read only", "b/x\nread only\n"},
			{"not open", "for f in 9 word -1; do (echo $f >/srv/x) 2>/dev/null || echo no; done; : >/srv/w; ls /srv", "no\nno\nno\nram\n"},
			{"for a while", "exec 3<b/x; (exec 5>/srv/x; echo 3 orclose >&5; ls /srv; cat /srv/x); until ! test -e /srv/x; do :; done; ls /srv; (echo 3 forever >/srv/y) 2>/dev/null || echo no", "ram\nx\nb/x\nram\nno\n"},
			{"twice", "exec 3<b/x 5>/srv/x; echo 3 >&5; (echo 3 >&5) 2>/dev/null || echo no; exec 5>&-; cat /srv/x", "no\nb/x\n"},
			{"by a child", "exec 3<b/x; /bin/echo 3 >/srv/x; cat /srv/x", "b/x\n"},
			{"modes", "umask 077; exec 3<b/x; echo 3 >/srv/x; ls -l /srv/x | cut -c1-10; chmod 644 /srv/x; ls -l /srv/x | cut -c1-10", "-rw-------\n-rw-r--r--\n"},
			{"seen by others", "exec 3<b/x; echo 3 >/srv/x; newns sh -c 'cat /srv/x; ls /srv'; rfork N sh -c 'ls /srv'", "b/x\nram\nx\nram\nx\n"},
			{"servers", "ls -l /srv | cut -c1-10 | grep -v total; mount /srv/ram /n/r; echo 1 >/n/r/f; cat /n/r/f; ns; cat /srv/ram 2>/dev/null || echo no file; (echo 3 >/srv/ram) 2>/dev/null || echo exists",
				"-rw-------\n1\nmount #s/ram /n/r\ncd D\nno file\nexists\n"},
			{"pipe", "bind '#|' /n/p; ls /n/p; exec 3<>/n/p/data; echo one >&3; read a </n/p/data1; echo $a; ns", "data\ndata1\none\nbind '#|' /n/p\ncd D\n"},
			{"two pipes", "bind '#|' /n/p; bind '#|' /n/q; echo p >/n/p/data; echo q >/n/q/data; read a </n/q/data1; read b </n/p/data1; echo $a $b", "q p\n"},
			{"server on a pipe", "bind '#|' /n/p; exec 3<>/n/p/data1; echo 3 >/srv/q; exec 3>&-; nine ramfs -i <>/n/p/data >&0 2>/dev/null & mount /srv/q /n/r; echo 1 >/n/r/f; mount q /n/s; cat /n/s/f; ns; unmount /n/r; cat /n/s/f; (cat /srv/q) 2>/dev/null || echo in use",
				"1\nbind '#|' /n/p\nmount #s/q /n/r\nmount #s/q /n/s\ncd D\n1\nin use\n"},
			{"server by its pipe", "bind '#|' /n/p; nine ramfs -i <>/n/p/data >&0 2>/dev/null & mount /n/p/data1 /n/r; echo 1 >/n/r/f; cat /n/r/f; ns", "1\nbind '#|' /n/p\nmount /n/p/data1 /n/r\ncd D\n"},
			{"no server", "exec 3<b/x; echo 3 >/srv/x; mount /srv/x /n/x", "mount: mount /n/x: #s/x: not open for reading and writing: inappropriate use of fd\n"},
			{"by who serves files", "bind '#|' /n/p; nine diskfs -i /srv <>/n/p/data >&0 2>/dev/null & mount /n/p/data1 /n/r; for n in 0 3 4 5 6 7 8 9; do (echo $n >/n/r/x) 2>/dev/null && echo $n; done; ls /srv; exec 3<b/x; echo 3 >/srv/x; cat /n/r/x; kill $!",
				"ram\nb/x\n"},
			{"mount no more", "rfork m sh -c 'exec 3<b/x; echo 3 >/srv/x; cat /srv/x; mount ram /n/x; bind \"#|\" /n/p; ls /n/p'", "b/x\nmount: mount ram /n/x: mount/attach disallowed\ndata\ndata1\n"},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, _ := s.run(t, "", "PATH=$PATH; exec 2>&1; "+c.script)
				if got != c.want {
					t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, c.want)
				}
			})
		}
	})
	clean(t)
}

// TestPostSocket has a program post a socket, whose own flags stay as they are, and
// a reader of it be interrupted.
func TestPostSocket(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		theirs := os.NewFile(uintptr(fds[0]), "theirs")
		defer theirs.Close()
		f := os.NewFile(uintptr(fds[1]), "ours")
		ours, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		cmd := s.command(t, "", "trap 'echo trapped' INT; echo 0 >/srv/sock; echo ready; cat /srv/sock; head -c 5 /srv/sock; exec 4<>/srv/sock; echo to >&4; exit 0")
		cmd.Stdin = theirs
		r := start(t, cmd)
		until(t, "cat reads", func() bool { return blocked(t, "cat", "/srv/sock") })
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		until(t, "cat ends", func() bool { return len(globCmd("cat", "/srv/sock")) == 0 })
		if _, err := ours.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 3)
		if _, err := io.ReadFull(ours, b); err != nil || string(b) != "to\n" {
			t.Errorf("%q, %v", b, err)
		}
		if flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, theirs.Fd(), syscall.F_GETFL, 0); flags&syscall.O_NONBLOCK != 0 {
			t.Error("the socket that was posted has become non-blocking")
		}
		out, err := io.ReadAll(r)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if got := string(out); err != nil || got != "trapped\nhello" {
			t.Errorf("%q, %v", got, err)
		}
		clean(t)
	})
}

// TestPostDies has the server at the end of a posted descriptor end: errors, and
// the descriptor is let go when it is removed.
func TestPostDies(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		got, err := s.run(t, "", "bind '#|' /n/p; exec 3<>/n/p/data1; echo 3 >/srv/ram; exec 3>&-; nine ramfs -i <>/n/p/data >&0 2>/dev/null & mount ram /n/r; echo 1 >/n/r/f; kill -9 $!; wait; cat /n/r/f 2>/dev/null || echo gone; unmount /n/r; rm /srv/ram; ls /srv")
		if err != nil || got != "gone\n" {
			t.Errorf("%q, %v", got, err)
		}
		clean(t)
	})
}

// TestUnmountKeeps has the kernel's own mounts stay where a server's directory was in their
// place for a while.
func TestUnmountKeeps(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		stop := s.serve(t, "opt", srv.NewDir().Add("opt", srv.NewDir().Add("ours", srv.Const("ours\n"))))
		defer stop()
		got, _ := s.run(t, "", `exec 2>&1
			mounts() { cut -d ' ' -f 5 /proc/self/mountinfo | grep -v ^/env | sort >$1; }
			mounts before
			mount -b '#s/opt' /; cat /opt/ours; unmount '#s/opt' /
			ls /opt/ours; mounts after; diff before after && echo same`)
		want := "ours\nls: cannot access '/opt/ours': No such file or directory\nsame\n"
		if got != want {
			t.Errorf("prints\n%s\nnot\n%s", got, want)
		}
	})
	clean(t)
}

// TestUnmountHangsUp has servers go when they are mounted no more, though the kernel
// remembers files of theirs; not while somebody is in a directory of one.
func TestUnmountHangsUp(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		cmd := s.command(t, "", `
			serve() {
				bind '#|' /n/p
				{ nine ramfs -i <>/n/p/data >&0 2>/dev/null; echo over; } &
				mount /n/p/data1 /n/r; unmount /n/p
			}
			echo; serve
			mkdir /n/r/d /n/r/d/e; echo 1 >/n/r/d/e/f
			case $(uname -r) in [0-5].*|6.[0-9].*|6.1[0-7].*) ;; *) echo 2 >/n/r/g;; esac
			ls -lR /n/r >/dev/null; ls /n/r/none /n/r/d/none 2>/dev/null
			unmount /n/r; read line
			serve
			mkdir /n/r/d; echo there >/n/r/d/f; echo >/n/r/g; cd /n/r/d; unmount /n/r
			cat f`)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		lines := make(chan string, 10)
		out := bufio.NewScanner(start(t, cmd))
		go func() {
			defer close(lines)
			for out.Scan() {
				lines <- out.Text()
			}
		}()
		for _, want := range []string{"over", "there"} {
			until(t, "the next line", func() bool { return len(lines) > 0 })
			if got := <-lines; got != want {
				t.Errorf("%q, not %q", got, want)
			}
			in.Close()
		}
		for range lines {
		}
		cmd.Wait()
	})
	clean(t)
}
