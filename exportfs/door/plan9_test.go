package door

import "testing"

// TestTypable: of a command to be typed nothing is history's or a second command's.
func TestTypable(t *testing.T) {
	for in, want := range map[string]string{
		"proto=dp9ik dom=example.org user? !password?": "proto=dp9ik dom=example.org user? '!password?'",
		"dom=a!b":          "'dom=a!b'",
		"dom='a;b' user=x": "dom='a;b' user=x",
		"dom='a;!b'":       "'dom=''a;!b'''",
	} {
		if got := typable(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
