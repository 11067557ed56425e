package diskfs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestDescriptorsOfOne has a client take all the descriptors that it gets, by many
// fids or by few that are deep down: others are served as before, and so is he when
// he lets go of some.
func TestDescriptorsOfOne(t *testing.T) {
	for _, deep := range []bool{false, true} {
		t.Run(fmt.Sprint("deep ", deep), func(t *testing.T) {
			dir := t.TempDir()
			const depth = 300
			var names []string
			for range depth {
				names = append(names, "d")
			}
			must(0, os.MkdirAll(filepath.Join(append([]string{dir}, names...)...), 0o777))(t)
			write(t, dir+"/f", "text")
			var old unix.Rlimit
			must(0, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))(t)
			low := old
			low.Cur = uint64(len(must(os.ReadDir("/proc/self/fd"))(t)) + 200)
			must(0, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))(t)
			defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
			s := srv.New(serve(t, dir))
			greedy := srvtest.MountServer(t, s, true)
			var held []*client.Fid
			for {
				var f *client.Fid
				var err error
				if deep {
					f, err = greedy.Walk(bg, names...)
				} else {
					f, err = greedy.Walk(bg, "f")
				}
				if err != nil {
					wantErr(t, "a walk too many", err, syscall.EMFILE)
					break
				}
				if held = append(held, f); len(held) > 1000 {
					t.Fatal("a thousand fids are not too many")
				}
			}
			if deep { // the walk that failed has let all go
				held = append(held, must(greedy.Walk(bg, names[:40]...))(t))
			} else {
				wantErr(t, "a create too many", client.Fsys{Root: greedy}.WriteFile(bg, "g", nil, 0o666), syscall.EMFILE)
			}
			for i := range 3 {
				fsys := client.Fsys{Root: srvtest.MountServer(t, s, true)}
				if b, err := fsys.ReadFile(bg, "f"); string(b) != "text" {
					t.Fatalf("another reads %q: %v", b, err)
				}
				f := must(fsys.Create(bg, fmt.Sprint("g", i), 0o666, p9.OWRITE))(t)
				must(0, f.Close())(t)
			}
			for _, f := range held {
				must(0, f.Clunk(bg))(t)
			}
			must(0, must(greedy.Walk(bg, "f"))(t).Clunk(bg))(t)
			for range 1000 { // what is let go counts no more
				must(client.Fsys{Root: greedy}.ReadFile(bg, "f"))(t)
			}
		})
	}
}
