package ns

import "testing"

// TestPlainName: what is written as three octal digits is undone, and all else is as it is.
func TestPlainName(t *testing.T) {
	for in, want := range map[string]string{
		"/":               "/",
		`/a\040b\134\012`: "/a b\\\n",
		`/a\`:             `/a\`,
		`/a\4`:            `/a\4`,
		`/a\04`:           `/a\04`,
		`/a\04x`:          `/a\04x`,
		`/a\089`:          `/a\089`,
		`/a\777`:          `/a\777`,
		`/a\ 40`:          `/a\ 40`,
		`/\\040`:          `/\ `,
	} {
		if got := plainName(in); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}
