package p9

import (
	"strings"
	"testing"
)

func TestParseDial(t *testing.T) {
	t.Setenv("NAMESPACE", "/ns")
	for _, c := range []struct{ s, port, network, addr string }{
		{"tcp!host!564", "", "tcp", "host:564"},
		{"tcp!host", "564", "tcp", "host:564"},
		{"tcp!host!", "564", "tcp", "host:564"},
		{"net!host!17019", "564", "tcp", "host:17019"},
		{"tcp!*!564", "", "tcp", ":564"},
		{"tcp!::1!564", "", "tcp", "[::1]:564"},
		{"tcp![::1]!564", "", "tcp", "[::1]:564"},
		{"host!564", "", "tcp", "host:564"},
		{"host:564", "", "tcp", "host:564"},
		{"[::1]:564", "", "tcp", "[::1]:564"},
		{"127.0.0.1:http", "", "tcp", "127.0.0.1:http"},
		{"unix!/tmp/x", "", "unix", "/tmp/x"},
		{"unix!/tmp/x!y", "", "unix", "/tmp/x!y"},
		{"/tmp/x", "", "unix", "/tmp/x"},
		{"ramfs", "564", "unix", "/ns/ramfs"},
		{"/srv/ramfs", "564", "unix", "/ns/ramfs"},
	} {
		network, addr, err := ParseDial(c.s, c.port)
		if err != nil || network != c.network || addr != c.addr {
			t.Errorf("%s: %s %s, %v", c.s, network, addr, err)
		}
	}
	long := "unix!/" + strings.Repeat("x", 107)
	for _, c := range []struct{ s, err string }{
		{long, `dial string "` + long + `": a socket's path has at most 107 bytes`},
		{"", `dial string "": empty`},
		{"17011", `dial string "17011": no host: tcp!host!17011, where * is any`},
		{":564", `dial string ":564": no host: tcp!host!564, where * is any`},
		{"a\nb", `dial string "a\nb": has a control character`},
		{"unix!", `dial string "unix!": no path`},
		{"tcp!host", `dial string "tcp!host": no port`},
		{"tcp!!564", `dial string "tcp!!564": no host`},
		{"tcp!a!b!c", `dial string "tcp!a!b!c": too many fields`},
		{"vsock!2!17010", `dial string "vsock!2!17010": unknown network vsock`},
		{"il!host!17008", `dial string "il!host!17008": unknown network il`},
		{"a/b", `dial string "a/b": neither net!host!port nor the name of a posted server`},
		{"..", `dial string "..": neither net!host!port nor the name of a posted server`},
		{"/srv/../x", `dial string "/srv/../x": neither net!host!port nor the name of a posted server`},
	} {
		if network, addr, err := ParseDial(c.s, ""); err == nil || err.Error() != c.err {
			t.Errorf("%q: %s %s %v", c.s, network, addr, err)
		}
	}
}

func TestNamespace(t *testing.T) {
	t.Setenv("NAMESPACE", "")
	t.Setenv("DISPLAY", "host/unix:1.0")
	d := Namespace()
	if want := ".host_unix:1"; len(d) < len(want) || d[len(d)-len(want):] != want || d[:8] != "/tmp/ns." {
		t.Error(d)
	}
	t.Setenv("NAMESPACE", "/ns")
	if d := Namespace(); d != "/ns" {
		t.Error(d)
	}
}
