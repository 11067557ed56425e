package srvtest

import (
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// drawn is a line of a drawing: a blank or tab, the depth as further blanks, the name, a
// directory's with a slash behind it, and the mode.
var drawn = regexp.MustCompile(`^//(?:\t| {2,4})( *)(\S+) +(0[0-7]{3})(?: |$)`)

// A drawing is what a package comment says of a file.
type drawing struct {
	name   string // "" for the root
	mode   fs.FileMode
	indent int
	kids   []*drawing
	met    bool
}

// Drawing holds a tree to the drawing of it in the package comment in file, which
// has a line for each file: its name below its directory's, a directory's with a slash
// behind it, and its mode in octal. A name in capitals stands for any. The tree must
// have at least one file for every line, and none without one.
func Drawing(t *testing.T, file string, root srv.File) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := parseDrawing(string(src))
	if d == nil {
		t.Fatalf("%s: draws no tree", file)
	}
	c := Mount(t, root, true)
	d.compare(t, c, "/")
	d.unmet(t, "/")
}

// parseDrawing reads the lines from the root's on.
func parseDrawing(src string) *drawing {
	var way []*drawing
	comment, _, _ := strings.Cut(src, "\npackage ")
	for line := range strings.Lines(comment) {
		m := drawn.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || len(way) == 0 && m[2] != "/" {
			continue
		}
		bits, _ := strconv.ParseUint(m[3], 8, 32)
		d := &drawing{name: strings.TrimSuffix(m[2], "/"), mode: fs.FileMode(bits), indent: len(m[1])}
		if strings.HasSuffix(m[2], "/") {
			d.mode |= fs.ModeDir
		}
		for len(way) > 1 && way[len(way)-1].indent >= d.indent {
			way = way[:len(way)-1]
		}
		if len(way) > 0 {
			up := way[len(way)-1]
			up.kids = append(up.kids, d)
		}
		way = append(way, d)
	}
	if len(way) == 0 {
		return nil
	}
	return way[0]
}

func (d *drawing) compare(t *testing.T, f *client.Fid, path string) {
	t.Helper()
	d.met = true
	st, err := f.Stat(t.Context())
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if st.Mode&(fs.ModeDir|fs.ModePerm) != d.mode {
		t.Errorf("%s: mode %v, drawn as %v", path, st.Mode, d.mode)
	}
	if !st.Mode.IsDir() {
		return
	}
	o, err := f.Walk(t.Context())
	if err == nil {
		defer o.Clunk(t.Context())
		err = o.Open(t.Context(), p9.OREAD)
	}
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	ents, err := list(t.Context(), o, 0)
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for _, e := range ents {
		k := d.find(e.Name)
		if k == nil {
			t.Errorf("%s%s: is not drawn", path, e.Name)
			continue
		}
		g, err := f.Walk(t.Context(), e.Name)
		if err != nil {
			t.Errorf("%s%s: %v", path, e.Name, err)
			continue
		}
		k.compare(t, g, path+e.Name+"/")
		g.Clunk(t.Context())
	}
}

// find gives the line for a name: its own, or else one in capitals.
func (d *drawing) find(name string) (any *drawing) {
	for _, k := range d.kids {
		if k.name == name {
			return k
		}
		if k.name == strings.ToUpper(k.name) && k.name != strings.ToLower(k.name) {
			any = k
		}
	}
	return any
}

func (d *drawing) unmet(t *testing.T, path string) {
	t.Helper()
	for _, k := range d.kids {
		if !k.met {
			t.Errorf("%s%s: is drawn and not there", path, k.name)
			continue
		}
		k.unmet(t, path+k.name+"/")
	}
}
