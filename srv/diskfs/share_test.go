package diskfs

import (
	"fmt"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestDescriptorsOfOne has a client take all the descriptors that it gets, by files that
// it has open: others are served as before, and so is he when he lets go of some.
func TestDescriptorsOfOne(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "text")
	few(t, 200)
	s := srv.New(serve(t, dir))
	greedy := srvtest.MountServer(t, s, true)
	var held []*client.Fid
	for {
		f := must(greedy.Walk(bg, "f"))(t)
		held = append(held, f)
		if err := f.Open(bg, p9.OREAD); err != nil {
			wantErr(t, "an open too many", err, syscall.EMFILE)
			break
		}
		if len(held) > 1000 {
			t.Fatal("a thousand open files are not too many")
		}
	}
	wantErr(t, "a create too many", client.Fsys{Root: greedy}.WriteFile(bg, "g", nil, 0o666), syscall.EMFILE)
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
	for range 1000 { // what is let go counts no more
		must(client.Fsys{Root: greedy}.ReadFile(bg, "f"))(t)
	}
}
