package client_test

import (
	"regexp"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// TestRenameReplaces has a server of 9P2000 that renames onto no file's name: the file there is
// put aside, gives its name and is removed.
func TestRenameReplaces(t *testing.T) {
	const (
		a     = "Rwalk wqid [(2 0)]"
		b     = "Rwalk wqid [(3 0)]"
		ok    = "Rwstat"
		taken = `Rerror ename "file already exists"`
		sick  = `Rerror ename "i/o error"`
		full  = `Rerror ename "disk full"`
	)
	for _, c := range []struct {
		name  string
		lines []string
		err   string // a pattern
	}{
		{"replaced", []string{a, taken, b, ok, ok, "Rremove", "Rclunk"}, ""},
		{"the old one stays", []string{a, taken, b, ok, ok, sick, "Rclunk"}, ""},
		{"two names of one file", []string{a, taken, a, "Rclunk", "Rclunk"}, ""},
		{"put back", []string{a, taken, b, ok, full, ok, "Rclunk", "Rclunk"}, "disk full"},
		{"not put back", []string{a, taken, b, ok, full, sick, "Rclunk", "Rclunk"},
			`disk full; b is \.old[A-Z2-7]{8} now: i/o error`},
	} {
		conn, err := scripted(t, &client.Options{Version: p9.Version9P2000}, append([]string{v9, at}, c.lines...)...)
		if err != nil {
			t.Fatal(err)
		}
		root, err := conn.Attach(ctx, nil, "glenda", "")
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		if err := root.Rename(ctx, "a", root, "b"); err != nil {
			text = err.Error()
		}
		if !regexp.MustCompile("^" + c.err + "$").MatchString(text) {
			t.Errorf("%s: %q, want %q", c.name, text, c.err)
		}
	}
}
