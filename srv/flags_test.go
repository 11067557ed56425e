package srv_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"ninespace/srv"
)

func TestLetters(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "[]"},
		{"-a -b x", "[-a -b x]"},
		{"-ab x -ab", "[-a -b x -ab]"},
		{"-abs name x", "[-a -b -s name x]"},
		{"-asname x", "[-a -s name x]"},
		{"-s -ab -ab", "[-s -ab -a -b]"},
		{"-s=name -ab", "[-s=name -a -b]"},
		{"-a=false -b", "[-a=false -b]"},
		{"-axb", "[-a -x -b]"},
		{"-as", "[-a -s]"},
		{"-ab -- -ab", "[-a -b -- -ab]"},
		{"-a - -ab", "[-a - -ab]"},
		{"--help -ab", "[--help -a -b]"},
		{"-sab 3 -ab", "[-sab 3 -a -b]"},
		{"-sab=3 -ab", "[-sab=3 -a -b]"},
	} {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		f.Bool("a", false, "")
		f.Bool("b", false, "")
		f.String("s", "", "")
		f.String("sab", "", "")
		if got := fmt.Sprint(srv.Letters(f, strings.Fields(c.in))); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}
