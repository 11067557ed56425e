package dhcp6

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestDomains: names that could be lines of a file are left out, and what is no name is not made.
func TestDomains(t *testing.T) {
	if got := Domains([]byte("\x05a\nb c\x00\x01x\x00\x03a.b\x00\x3fshort")); !slices.Equal(got, []string{"x"}) {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]string{"six.example": "\x03six\x07example\x00", "x.": "\x01x\x00", "": "", "a..b": "", strings.Repeat("a", 64): "", strings.Repeat("a.", 127): ""} {
		if got := AppendDomain([]byte("-"), name); string(got) != "-"+want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// FuzzOptions: what is read is, written again, what it was.
func FuzzOptions(f *testing.F) {
	f.Add(Append(Append(nil, OptUser, []byte("\x00\x04iPXE")), OptAsk, []byte{0, OptBootFile}))
	f.Add([]byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		whole := true
		for code, data := range Options(b) {
			if code == Malformed && data == nil {
				whole = false
				break
			}
			again = Append(again, code, data)
			Strings(data)
			Addrs(data)
			for _, name := range Domains(data) {
				if got := AppendDomain(nil, name); !slices.Equal(Domains(got), []string{name}) {
					t.Errorf("%q is written %q", name, got)
				}
			}
		}
		if !bytes.HasPrefix(b, again) || whole && len(again) != len(b) {
			t.Errorf("%x again is %x", b, again)
		}
	})
}
