package newns_test

import (
	"bufio"
	"io"
	"testing"
)

// TestServerSilent has a server that is silent for a while, as one is whose link is cut: who
// waits for it then can be killed, and takes nothing from the others, nor keeps a lock from them.
func TestServerSilent(t *testing.T) {
	grafted(t, func(t *testing.T, s *session) {
		s.ramfs(t)
		shut := stall(t, s.dir+"/srv/h", s.dir+"/srv/ram", s.user)
		for _, mount := range []string{"mount -c", "mount -c -C"} {
			cmd := s.command(t, mount+" #s/h /n/h", `rm -rf /n/h/*; cd /n/h; mkdir d; echo text >d/g; echo x >d/mapped
				exec 3>>f 4<d/g 5>lock; flock 5; flock -u 5; echo before >&3; echo ready; read x
				kill9() { timeout --foreground -s KILL .1 "$@" >/dev/null 2>&1; }
				for i in cat\ d/g stat\ d/none ls\ -l\ d mkdir\ d/m touch\ d/new 'mv d/g d/h' 'cp /bin/true d' 'truncate -s 9 d/mapped' 'sync d/mapped' df\ d; do
					kill9 $i &
				done
				kill9 cat <&4 & kill9 echo lost >&3 & kill9 flock 5 &
				wait; echo dead; read x
				flock -w 20 lock echo free; echo after >&3; exec 3>&-; cat f | grep -v lost; cat d/[gh]; mkdir d/last; ls -d d/last`)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(start(t, cmd))
			shut(true)
			io.WriteString(in, "\n")
			dead, err := r.ReadString('\n')
			shut(false)
			if err != nil || dead != "dead\n" {
				t.Errorf("%s: %q, %v", mount, dead, err)
			}
			io.WriteString(in, "\n")
			b, _ := io.ReadAll(r)
			if err := cmd.Wait(); err != nil || string(b) != "free\nbefore\nafter\ntext\nd/last\n" {
				t.Errorf("%s: %q, %v", mount, b, err)
			}
		}
		clean0(t, s)
	})
}
