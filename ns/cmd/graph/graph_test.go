package graph

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"ninespace/ns"
)

func ops(t *testing.T, text string) []ns.Op {
	t.Helper()
	all, err := ns.ParseText(text, "test")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTable has unions in the order in which they are searched.
func TestTable(t *testing.T) {
	for _, c := range []struct{ text, place, want string }{
		{"bind /a /b", "/b", "/a"},
		{"bind /a /b\nbind /c /b", "/b", "/c"},
		{"bind -a /a /b", "/b", "/b > /a"},
		{"bind -b /a /b\nbind -bc /c /b", "/b", "/c (c) > /a > /b"},
		{"mount -a '#s/x' /n/x stats\nmount -a '#s/y' /n/x", "/n/x", "#s/x stats > #s/y"},
		{"bind -a /a /b\nunmount /a /b", "/b", "/b"},
		{"bind -a /a /b\nunmount /b", "/b", ""},
		{"bind /a /b\nclear\ncd /", "/b", ""},
	} {
		var got []string
		for _, m := range tableOf(ops(t, c.text))[c.place] {
			got = append(got, m.label())
		}
		if s := strings.Join(got, " > "); s != c.want {
			t.Errorf("%q: %s, want %s", c.text, s, c.want)
		}
	}
}

func TestTree(t *testing.T) {
	const text = "mount '#s/p' /n/n1/proc\nmount '#s/s' /n/n1/stats\nmount '#s/one' /n/alone/deep\nbind /x /usr/lib\nbind '#/' /\nbind /y /usr\nbind /z /n/n1"
	var got []string
	for _, l := range tableOf(ops(t, text)).tree() {
		got = append(got, fmt.Sprint(l.depth, l.name, len(l.members), len(l.node)))
	}
	const want = "0/1 0,1n0 0,2alone0 0,3deep1 0,2n11 2,1usr1 0,2lib1 0"
	if s := strings.Join(got, ","); s != want {
		t.Errorf("%s\nwant\n%s", s, want)
	}
}

// TestLegend has it tell of the colours that are in the picture, and of no others.
func TestLegend(t *testing.T) {
	const node = "bind /sockets /n/n1\nmount '#s/p' /n/n1/proc\nmount '#s/s' /n/n1/stats\n"
	for _, c := range []struct {
		text        string
		has, hasNot string
	}{
		{node, "", ">directory<"},
		{node, "", ">server<"},
		{node + "mount '#s/ram' /n/ram", ">server<", ">directory<"},
		{node + "bind /etc /n/etc", ">directory<", ">server<"},
		{"bind -c /etc /n/etc", "(c) new files", "searched"},
		{"bind -b /etc /usr", "searched", "(c)"},
		{"mount 'tcp!far!564' /n/far\nbind '#s' /srv", ">dialled<", ">server<"},
	} {
		s := draw("", tableOf(ops(t, c.text)))
		if !strings.Contains(s, c.has) || strings.Contains(s, c.hasNot) {
			t.Errorf("%q: want %q, not %q in %s", c.text, c.has, c.hasNot, s)
		}
	}
}

// TestDraw has what is drawn be XML, whatever names there are, and hold each of them.
func TestDraw(t *testing.T) {
	const text = "mount '#s/<p>' /n/n1/proc\nmount '#s/\x01' /n/n1/stats\nbind '/a&b' '/q\"\xff'\nbind -a '/long long' /b\nmount 'tcp!far!564' /n/far"
	s := draw("of <all> & more", tableOf(ops(t, text)))
	d := xml.NewDecoder(strings.NewReader(s))
	var chars strings.Builder
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
		if c, ok := tok.(xml.CharData); ok {
			chars.Write(c)
		}
	}
	for _, want := range []string{"of <all> & more", "#s/<p>", "#s/\ufffd", "/a&b", "q\"\ufffd", "/long long", "tcp!far!564"} {
		if !strings.Contains(chars.String(), want) {
			t.Errorf("no %q in %s", want, s)
		}
	}
	draw("", nil)
}
