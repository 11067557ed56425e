package cpu

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestTyped: only ~. at the beginning of a line leaves, however it is typed.
func TestTyped(t *testing.T) {
	for _, c := range []struct {
		in, want string
		left     bool
	}{
		{"", "", false},
		{"ls ~.\r", "ls ~.\r", false},
		{"~.more", "", true},
		{"a\r~.more", "a\r", true},
		{"a\n~.", "a\n", true},
		{"~~.\r", "~.\r", false},
		{"~~\r~~x\r", "~\r~x\r", false},
		{"~/bin/x\r~", "~/bin/x\r", false},
		{"~\r~.", "~\r", true},
		{"x~\r~a~.\r", "x~\r~a~.\r", false},
		{"\r\r~b", "\r\r~b", false},
	} {
		for name, by := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader, "with its end": iotest.DataErrReader} {
			left := false
			got, err := io.ReadAll(&typed{r: by(strings.NewReader(c.in)), leave: func() { left = true }})
			if string(got) != c.want || left != c.left || err != nil {
				t.Errorf("%q %s: %q, left %t, %v; want %q, %t", c.in, name, got, left, err, c.want, c.left)
			}
		}
	}
}
