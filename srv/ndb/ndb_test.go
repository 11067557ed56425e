package ndb

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const testNdb = `# a comment
sys=here dom=here.example.com ip=10.1.2.3	# where we are
	auth="a quoted value"
	ether=0123456789ab

ipnet=big ip=10.0.0.0 ipmask=/104
	auth=9.9.9.9 fs=10.0.0.9
ipnet=small ip=10.1.2.0 ipmask=255.255.255.0
	fs=10.1.2.9
	fs=$no
tcp=ours port=4711
udp=ours port=4712
`

func TestAttr(t *testing.T) {
	db := Parse(testNdb)
	own := []netip.Addr{netip.MustParseAddr("10.1.2.3")}
	for _, c := range []struct {
		attr, sys string
		want      []string
	}{
		{"auth", "here", []string{"a quoted value"}},
		{"fs", "here", []string{"10.1.2.9", "$no"}},
		{"fs", "elsewhere", []string{"10.1.2.9", "$no"}},
		{"ether", "here", []string{"0123456789ab"}},
		{"none", "here", nil},
	} {
		if got := db.Attr(c.attr, c.sys, own); !slices.Equal(got, c.want) {
			t.Errorf("%s of %s: %q, want %q", c.attr, c.sys, got, c.want)
		}
	}
	if got := db.Attr("auth", "x", []netip.Addr{netip.MustParseAddr("10.200.0.1")}); !slices.Equal(got, []string{"9.9.9.9"}) {
		t.Errorf("%q", got)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	for file, text := range map[string]string{
		"local": "database=\n\tfile=" + name("local") + "\n\tfile=" + name("more") + "\n\tfile=" + name("none") + "\nsys=a\n",
		"more":  "sys=b\n",
		"wrong": "sys=\xff\n",
	} {
		if err := os.WriteFile(name(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Read(name("local"))
	if len(db) != 3 || !db[1].Has("sys", "a") || !db[2].Has("sys", "b") || !os.IsNotExist(unjoin(err)) {
		t.Errorf("%q, %v", db, err)
	}
	for _, bad := range []string{"wrong", "none", "."} {
		if db, err := Read(name(bad)); err == nil || db != nil {
			t.Errorf("%s: %q, %v", bad, db, err)
		}
	}
}

func unjoin(err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()[0]
	}
	return err
}
