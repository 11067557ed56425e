package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/factotum/authtest"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A stream9 is a drawterm's connection as bytes.
type stream9 struct {
	*authtest.Stream
	io.Closer
	rest []byte
}

func (s *stream9) Read(p []byte) (n int, err error) {
	for len(s.rest) == 0 && err == nil {
		s.rest, err = s.Recv()
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, err
}

func (s *stream9) Write(p []byte) (int, error) {
	for b := p; len(b) > 0; {
		n := min(len(b), 16<<10)
		if err := s.Send(b[:n]); err != nil {
			return 0, err
		}
		b = b[n:]
	}
	return len(p), nil
}

// TestPlan9Import: 9front's rimport has the far side run exportfs on the connection, by the name that
// it has on Plan 9, and mounts what that says.
func TestPlan9Import(t *testing.T) {
	f := newPlan9(t)
	tree := filepath.Join(f.glenda, "tree")
	if err := os.Mkdir(tree, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(tree, 0o777); err != nil {
		t.Fatal(err)
	}
	d := f.term()
	if err := d.script("tree=" + tree + "\nexec /bin/exportfs -r $tree\n"); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), &stream9{Stream: d.stream, Closer: d.conn}, &client.Options{Version: p9.Version9P2000})
	if err != nil {
		t.Fatal(err, f.read("log"))
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "glenda", "")
	if err != nil {
		t.Fatal(err)
	}
	g, err := root.WalkCreate(t.Context(), "note", 0o644, p9.OWRITE)
	if err == nil {
		_, err = g.Write(t.Context(), []byte("from Plan 9\n"), 0)
		g.Clunk(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(tree, "note")); string(b) != "from Plan 9\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPlan9Export: 9front's rexport has its own tree mounted there, by a server that is
// posted or at a place, and a command run.
func TestPlan9Export(t *testing.T) {
	f := newPlan9(t)
	d := f.term()
	d.files["env/note"] = &termFile{data: []byte("from Plan 9\n")}
	script := `sname=mine
mtpt=/mnt/term
mopt=()
cmd=(sh -c 'cat /mnt/term/env/note >` + f.glenda + `/got; ls /srv >>` + f.glenda + `/got')
fn domount {
	if(~ $#sname 1){
		rm -f /srv/$sname
		echo -n 0 >/srv/$sname
	}
	~ $#mtpt 0 || mount -n $mopt /fd/0 $mtpt || exit
	~ $#cmd 0 || service=import exec $cmd </dev/null >/dev/null >[2=1]
}
domount
`
	if err := d.script(script); err != nil {
		t.Fatal(err)
	}
	if err := d.serve(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(filepath.Join(f.glenda, "got"))
	if got := string(b); err != nil || !strings.Contains(got, "from Plan 9") {
		t.Errorf("%q; %s", got, f.read("log"))
	}
}
