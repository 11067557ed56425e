package syntax

import "testing"

// parses is what is accepted, and how it prints.
var parses = []struct{ text, want string }{
	{"echo a b", "echo a b\n"},
}

// fails is what is refused.
var fails = []struct{ text, want string }{
	{"echo )", "f:1: token ')': syntax error"},
}

func TestParse(t *testing.T) {}
