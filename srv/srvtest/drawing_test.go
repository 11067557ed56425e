package srvtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv"
)

func TestParseDrawing(t *testing.T) {
	d := parseDrawing(`// Package x serves, 0444 of it.
//
//	/            0555
//	    ctl      0666  accepts
//	    N/       0555  one of them
//	        data 0600
//	    status   0444
// and 0777 is prose
//
// more 0123
package x
//	    after    0444
`)
	if d == nil || d.mode != fs.ModeDir|0o555 || len(d.kids) != 3 {
		t.Fatalf("%+v", d)
	}
	for _, c := range []struct {
		name, drawn string
		mode        fs.FileMode
	}{{"ctl", "ctl", 0o666}, {"17", "N", fs.ModeDir | 0o555}, {"status", "status", 0o444}} {
		if k := d.find(c.name); k == nil || k.name != c.drawn || k.mode != c.mode {
			t.Errorf("%s: %+v", c.name, k)
		}
	}
	if n := d.find("N"); len(n.kids) != 1 || n.kids[0].name != "data" || n.kids[0].find("x") != nil {
		t.Errorf("%+v", n)
	}
	if d := parseDrawing("// no tree\npackage x\n"); d != nil {
		t.Errorf("%+v", d)
	}
}

func TestDrawing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.go")
	err := os.WriteFile(file, []byte("// Package x:\n//\n//\t/ 0555\n//\t    f 0444 reads\n//\t    d/ 0555\n//\t        NAME 0444\npackage x\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	Drawing(t, file, srv.NewDir().Add("f", srv.Const("")).Add("d", srv.NewDir().Add("1", srv.Const("")).Add("2", srv.Const(""))))
}
